"""Everything `make setup` builds. Standard library only: it runs before the environment exists."""
