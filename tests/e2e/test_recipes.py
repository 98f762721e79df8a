"""The README's recipes for `ape console`, typed into it on the network of the end-to-end run."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from offchain.paths import ROOT

pytestmark = pytest.mark.timeout(1800)
HEADING = "## Recipes for `ape console`"


def recipes() -> list[str]:
    _, found, rest = (ROOT / "README.md").read_text().partition(HEADING)
    assert found
    return re.findall(r"```python\n(.*?)```", rest.split("\n## ")[0], re.DOTALL)


@pytest.fixture(scope="module")
def shown(run):
    """What the console prints when every recipe is typed in, one after the other."""
    typed = "\n\n".join(recipes()) + "\n\nexit()\n"
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["ape", "console", "--network", f"ethereum:poa:{run.rpc}"],
        cwd=ROOT,
        env=os.environ | {"PATH": tools, "SHADOWPOOL_DEPLOYMENT": str(run.folder / "world" / "deployment.json")},
        input=typed,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", done.stdout)


def test_there_are_recipes():
    assert len(recipes()) >= 5


def test_no_recipe_fails(shown):
    assert "Error" not in shown and "Traceback" not in shown, shown


def test_the_recipes_answer_as_the_readme_says(run, shown):
    assert re.search(r"head \d+ chain 31888", shown)
    for symbol in ("BTC", "USD", "STAKE"):
        assert re.search(rf"{symbol} \d+ agrees", shown)
    assert re.search(r"leader of the next 0x[0-9a-fA-F]{40}", shown)
    for figures in run.world.report.epochs:
        if figures.state == "settled":
            assert f"epoch {figures.epoch} reveals" in shown
            assert f"printed True price {figures.price} volume {figures.volume}" in shown
    assert re.search(r"nullifiers \d+ twice 0 all spent True", shown)
