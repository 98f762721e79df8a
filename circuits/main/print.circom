pragma circom 2.2.0;

include "../print.circom";

component main { public [digest, challenge, evaluation] } = Print();
