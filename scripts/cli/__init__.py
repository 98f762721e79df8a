"""`shadowpool`: the command line of every actor."""

from scripts.cli.app import main

__all__ = ["main"]
