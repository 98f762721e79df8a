pragma circom 2.2.0;

include "../key.circom";

component main { public [digest, challenge, evaluation] } = Key();
