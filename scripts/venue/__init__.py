"""A venue on a network of its own, with services as processes: what the trials of faults and load share."""
