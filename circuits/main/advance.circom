pragma circom 2.2.0;

include "../advance.circom";

component main { public [digest, challenge, evaluation] } = Advance(32, 6);
