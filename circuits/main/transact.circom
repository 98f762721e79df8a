pragma circom 2.2.0;

include "../transact.circom";

component main { public [digest, challenge, evaluation] } = Transact(32);
