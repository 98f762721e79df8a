pragma circom 2.2.0;

include "../commit.circom";

component main { public [digest, challenge, evaluation] } = Commit(32, 20);
