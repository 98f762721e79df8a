"""What was followed, held to what the contracts answer at the same block, named by its hash."""

import time
from collections.abc import Sequence
from typing import Any

from eth_utils import keccak
from eth_utils.abi import collapse_if_tuple

from indexer.memory import EpochMemory, Memory
from indexer.node import Node
from offchain import contracts
from offchain.abi import ABIError, Tuple
from offchain.chain import ChainError
from offchain.deployment import Deployment
from offchain.state import Diverged

STATE_BLOCKS = 100
"""How far behind the head a node that is no archive still answers views (geth keeps 128)."""

AGAIN_SECONDS = (0.1, 0.5)
"""What differs is asked again after these: a node that is taking in its next block may answer from that one already."""

WORDS = (("Pool", "root"), ("Pool", "next_leaf"), ("Pool", "next_chunk"), ("Credentials", "root"))


class View:
    """A view of a deployment's contract, whose arguments are words and whose answer is one value."""

    def __init__(self, deployment: Deployment, contract: str, name: str):
        entry = next(e for e in contracts.artifact(contract).abi if e["type"] == "function" and e["name"] == name)
        types = ",".join(map(collapse_if_tuple, entry["inputs"]))
        self.address, self._selector = deployment.contracts[contract], keccak(text=f"{name}({types})")[:4]
        self._answer = Tuple(entry["outputs"])

    def request(self, block_hash: str, *words: int) -> tuple[dict, dict]:
        """The parameters of eth_call."""
        data = self._selector + b"".join(word.to_bytes(32, "big") for word in words)
        return {"to": self.address, "data": "0x" + data.hex()}, {"blockHash": block_hash}

    def read(self, answer: str) -> Any:
        try:
            return self._answer.read(bytes.fromhex(answer[2:]))[0]
        except (ABIError, TypeError, ValueError) as error:
            raise ChainError(f"{self.address} is not the contract that was deployed: {error}") from None


class Comparison:
    """Asks a deployment's contracts."""

    def __init__(self, node: Node, deployment: Deployment):
        self.node = node
        self._words = [View(deployment, *names) for names in WORDS]
        self._epochs = View(deployment, "Market", "epochs")

    def hold(self, memory: Memory, epochs: Sequence[EpochMemory], block: int, block_hash: str) -> None:
        """Diverged if a root, the next leaf, or what an epoch adds up to differs from the contracts' at a block, however
        often they are asked.

        ChainError if the node does not answer views there, or has no such block any more.
        """
        for pause in AGAIN_SECONDS:
            try:
                return self._hold(memory, epochs, block, block_hash)
            except Diverged:
                time.sleep(pause)
        self._hold(memory, epochs, block, block_hash)

    def _hold(self, memory: Memory, epochs: Sequence[EpochMemory], block: int, block_hash: str) -> None:
        ours = (memory.edge.root, memory.next_leaf, memory.edge.number, memory.credential_root)
        answers = self.node.batch("eth_call", [view.request(block_hash) for view in self._words])
        for names, view, mine, answer in zip(WORDS, self._words, ours, answers):
            _same(" ".join(names), mine, view.read(answer), block)
        asked = [self._epochs.request(block_hash, epoch.market, epoch.epoch) for epoch in epochs]
        for epoch, answer in zip(epochs, self.node.batch("eth_call", asked)):
            theirs = self._epochs.read(answer)
            for name, mine in _epoch_words(epoch).items():
                _same(f"{name} of epoch {epoch.epoch} of market {epoch.market}", mine, theirs[name], block)


def _epoch_words(epoch: EpochMemory) -> dict[str, Any]:
    """What Market.epochs answers, by name."""
    found = {
        "leader": epoch.leader,
        "reveal_key_version": epoch.versions[0],
        "auditor_version": epoch.versions[1],
        "treasury_version": epoch.versions[2],
        "live": len(epoch.orders) - epoch.cancelled,
        "reveals": epoch.reveals,
        "reveal_chain": epoch.reveal_chain or bytes(32),
        "fixed": epoch.reference is not None,
        "void": epoch.void,
        "reference": epoch.reference or 0,
    }
    # The contract keeps the commit chain until the settlement, the print commitment from then on.
    if epoch.print_commitment is None:
        return found | {"commit_chain": epoch.commit_chain}
    return found | {"print_commitment": epoch.print_commitment}


def _same(what: str, ours: Any, theirs: Any, block: int) -> None:
    if ours != theirs:
        raise Diverged(f"{what}, followed up to block {block}, is {_shown(ours)}, but the contract's is {_shown(theirs)}")


def _shown(value: Any) -> Any:
    return "0x" + value.hex() if isinstance(value, bytes) else value
