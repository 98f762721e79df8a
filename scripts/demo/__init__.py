"""The demonstration: one private trade, end to end, on a proof-of-authority network."""
