"""Data that others published, taken into the indexer's database."""
