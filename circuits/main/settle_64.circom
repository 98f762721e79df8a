pragma circom 2.2.0;

include "../settle.circom";

component main { public [digest, challenge, evaluation] } = Settle(64);
