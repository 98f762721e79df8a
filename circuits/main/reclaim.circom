pragma circom 2.2.0;

include "../reclaim.circom";

component main { public [digest, challenge, evaluation] } = Reclaim();
