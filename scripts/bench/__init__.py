"""What gas and proofs cost, measured with real proofs: `python -m scripts.bench.gas`, `… .prover`."""
