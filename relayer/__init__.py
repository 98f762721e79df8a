"""The relayer: clears an epoch, proves the clearing and settles it."""
