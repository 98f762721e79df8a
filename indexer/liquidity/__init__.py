"""Liquidity: what was traded, by market, venue and time, from public prints and weekly volumes of other venues."""
