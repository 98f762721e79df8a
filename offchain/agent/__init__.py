"""The agent: an institution's service that holds its key, and does on time whatever its orders need."""
