"""A real reorganisation of five validators: two majorities, one after the other, that do not see each other.

    v1 v2 v3 + the relayers' node   go on from block F, alone
    v3 v4 v5                        go on from block F too, v3 with the chain that it had then
    everyone                        meets again, and the heavier branch, the second, replaces the first

v3 signs on both branches, as a signer does who was restored from a backup.
"""

import shutil
import time

from web3 import Web3

from scripts.faults.site import FaultError, Site
from scripts.network.plan import RPC

FIRST, TWICE, SECOND = ("v1", "v2"), "v3", ("v4", "v5")
CHAIN_DATA = "geth"
SECONDS = 240.0
POLL_SECONDS = 0.2


def other_branch(site: Site, blocks: int) -> tuple[int, int]:
    """Replace at least `blocks` blocks that the relayers' node had; (the fork's block, how many were replaced)."""
    network = site.network
    folder = network.directory / TWICE
    for name in (*SECOND, TWICE):
        network.kill(name)
    forked = site.head()
    shutil.copytree(folder / CHAIN_DATA, folder / "before")
    network.restart(TWICE)
    site.reach(forked + blocks)

    old = site.world.chain.web3.eth.get_block("latest")
    hashes = {number: site.world.chain.block_hash(number) for number in range(forked - 2 * blocks, old["number"] + 1)}
    for name in (*FIRST, TWICE, RPC):
        network.kill(name)
    shutil.rmtree(folder / CHAIN_DATA)
    (folder / "before").rename(folder / CHAIN_DATA)
    for name in (TWICE, *SECOND):
        network.restart(name)
    _outgrow(network.validator_web3(TWICE), old["totalDifficulty"])

    for name in (RPC, *FIRST):
        network.restart(name)
    replaced = lambda: [n for n, was in hashes.items() if site.world.chain.block_hash(n) not in (was, None)]  # noqa: E731
    site.until("the other branch", lambda: old["number"] in replaced(), SECONDS)
    return forked, len(replaced())


def _outgrow(validator: Web3, difficulty: int) -> None:
    """Wait until a validator's branch is heavier."""
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            if validator.eth.get_block("latest")["totalDifficulty"] > difficulty + 2:
                return
        except (OSError, ValueError):
            pass    # its socket is not there yet
        if time.monotonic() > deadline:
            raise FaultError(f"the second branch did not outgrow the first in {SECONDS:.0f} s")
        time.sleep(POLL_SECONDS)
