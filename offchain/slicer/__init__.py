"""Parent orders, worked as one child an epoch through a `Desk`."""
