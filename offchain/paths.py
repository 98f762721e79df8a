"""Where things are in a checkout: sources under ROOT, everything generated under BUILD."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
NODE_MODULES = BUILD / "node" / "node_modules"
CIRCUITS = ROOT / "circuits"
