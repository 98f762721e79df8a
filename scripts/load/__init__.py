"""`make load`: ten thousand orders an hour through one relayer, with real proofs."""
