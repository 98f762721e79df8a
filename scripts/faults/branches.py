"""A real reorganisation of five validators: two majorities, one after the other, that do not see each other.

    three validators and the relayers' node   go on alone from block F
    the other two and one of the three        go on from block F too, with the chain as it was then
    everyone                                  meets again: the heavier branch, the second, replaces the first

One validator signs on both branches, as a signer does that was restored from a backup. It is the one
whose turn block F + 1 is: had nobody the turn, all three could seal that block alone, and then wait for
each other for ever.
"""

import shutil
import time

from web3 import Web3

from scripts.faults.site import FaultError, Site
from scripts.network.network import Network
from scripts.network.plan import RPC

SECOND = ("v4", "v5")
CHAIN_DATA = "geth"
ATTEMPTS = 3
SECONDS = 60.0
POLL_SECONDS = 0.05


def other_branch(site: Site, blocks: int) -> tuple[int, int]:
    """Replace at least `blocks` blocks that the relayers' node had; (the fork's block, how many were replaced)."""
    for _ in range(ATTEMPTS):
        forked, hashes = _part(site, blocks)
        lost = [number for number, was in hashes.items() if site.world.chain.block_hash(number) not in (was, None)]
        if len(lost) >= blocks:
            return forked, len(lost)
    raise FaultError(f"no second branch outgrew the first in {ATTEMPTS} attempts")


def _part(site: Site, blocks: int) -> tuple[int, dict[int, bytes]]:
    """One attempt, after which all nodes run; (the fork's block, the first branch's hashes by block)."""
    network, chain = site.network, site.world.chain
    forked = _next_block(network.validator_web3(SECOND[0]))
    for name in SECOND:
        network.kill(name)
    site.reach(forked + blocks)

    old = chain.web3.eth.get_block("latest")
    hashes = {number: chain.block_hash(number) for number in range(forked - blocks, old["number"] + 1)}
    first = [name for name in network.plan.validator_names if name not in SECOND]
    for name in (*first, RPC):
        network.kill(name)
    signers = (*SECOND, _in_turn(network, forked + 1, first))
    for name in signers[1:]:
        _give_chain(network, SECOND[0], name)
    for name in signers:
        network.restart(name)
    _outgrow(network, signers[-1], old["totalDifficulty"])

    for name in (RPC, *first):
        network.restart(name)
    number = old["number"]
    until = time.monotonic() + SECONDS
    site.until("the relayers' node", chain.head)
    while chain.block_hash(number) in (hashes[number], None) and time.monotonic() < until:
        time.sleep(POLL_SECONDS)
    return forked, hashes


def _next_block(validator: Web3) -> int:
    """Wait for a validator's next block, so that a second is left to act; its number."""
    before = validator.eth.block_number
    while (now := validator.eth.block_number) == before:
        time.sleep(POLL_SECONDS)
    return now


def _in_turn(network: Network, number: int, first: list[str]) -> str:
    """The validator of the first branch to take over: whose turn the block is, any if it is another's."""
    names = sorted(network.signers, key=lambda name: network.signers[name].lower())
    name = names[number % len(names)]
    return name if name in first else first[0]


def _give_chain(network: Network, giver: str, taker: str) -> None:
    """Put the chain of one validator that is down in the place of another's; its keys stay."""
    shutil.rmtree(network.directory / taker / CHAIN_DATA)
    shutil.copytree(network.directory / giver / CHAIN_DATA, network.directory / taker / CHAIN_DATA)


def _outgrow(network: Network, name: str, difficulty: int) -> None:
    """Wait until a validator's branch is the heavier one, for some time at most."""
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        try:
            if network.validator_web3(name).eth.get_block("latest")["totalDifficulty"] > difficulty + 2:
                return
        except (OSError, ValueError):
            pass    # its socket is not there yet
        time.sleep(10 * POLL_SECONDS)
