"""The tests' world on anvil, their batches and claims, for benchmarks. Loaded by their files: a dependency
installs a package called `tests`, which hides ours from ordinary imports."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType

from offchain.paths import ROOT


def _load(name: str) -> ModuleType:
    spec = spec_from_file_location(f"shadowpool_tests_{name.replace('/', '_')}", ROOT / "tests" / f"{name}.py")
    module = sys.modules[spec.name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_world, _batch, _claims = _load("world"), _load("circuits/batch"), _load("circuits/world")
CONFIRMATIONS, World, anvil, build_world = (_world.CONFIRMATIONS, _world.World, _world.anvil, _world.build_world)
Batch, Side = _batch.Batch, _batch.Side
POOL, honest = _claims.POOL, _claims.honest
