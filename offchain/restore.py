"""A ledger begun from an indexer's events, so that a wallet is restored in one download.

The whole range is asked for, so that the indexer learns nothing of the wallet. Nor is it trusted: every
block's hash is held to the chain's, roots and the next leaf are recomputed and held to the contracts', and a note
counts only if its commitment stands in the tree. It could hold back what others paid to the wallet, or say that a
note is unspent or spent: `check_spent` asks the chain for the latter, a sync without an indexer tells the former.
"""

import json
from collections.abc import Iterator
from typing import Any

import requests

from offchain import contracts
from offchain.chain import Chain, ChainError, Event
from offchain.holdings import Holdings
from offchain.ledger import STATE_BLOCKS, Ledger
from offchain.state import Diverged

TIMEOUT_SECONDS = 60
MOST_LINE = 1 << 20


class RestoreError(Exception):
    """The indexer's answer cannot be used; the message says why and what to do."""


class Download:
    """An indexer's events as a ledger's journal. `chain` tells how far they are wanted; nothing is kept."""

    def __init__(self, url: str, chain: Chain, depth: int):
        self.url, self.chain, self.depth = url.rstrip("/"), chain, depth
        self._types = {(name, entry["name"]): entry["inputs"] for name in contracts.FOLLOWED for entry in _events(name)}

    def load(self) -> tuple[list[Event], dict[int, bytes]]:
        """Events up to a block that leaves the chain something to confirm."""
        last = self.chain.head() - self.depth - 1
        events = [event for event in self._read(last) if event is not None]
        if any(after.block < before.block for before, after in zip(events, events[1:])):
            raise RestoreError(f"{self.url} gives events out of order: restore without it")
        return events, {event.block: event.block_hash for event in events}

    def extend(self, events: list[Event], block: int, block_hash: bytes) -> None:
        pass

    def cut(self, block: int) -> None:
        pass

    def _read(self, last: int) -> Iterator[Event | None]:
        asked = {"from": self.chain.deployment.start_block, "to": last + 1}
        try:
            with requests.get(f"{self.url}/v1/events", params=asked, stream=True, timeout=TIMEOUT_SECONDS) as answer:
                if answer.status_code != 200:
                    raise RestoreError(f"{self.url} answers {answer.status_code}: is it an indexer of this deployment?")
                for line in _lines(answer.iter_content(1 << 16)):
                    yield self._event(json.loads(line), last)
        except requests.RequestException as error:
            raise RestoreError(f"no indexer answers at {self.url} ({type(error).__name__}); restore without it") from None
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise RestoreError(f"{self.url} gives what is no event: {error!r}; restore without it") from None

    def _event(self, row: dict[str, Any], last: int) -> Event | None:
        """An event as the chain's client gives it; None for a contract that no ledger follows."""
        inputs = self._types.get((row["contract"], row["name"]))
        if inputs is None:
            return None
        if not self.chain.deployment.start_block <= row["block"] <= last:
            raise ValueError(f"block {row['block']} was not asked for")
        args = {part["name"]: _value(part, part["type"], row["args"][part["name"]]) for part in inputs}
        place = row["block"], bytes.fromhex(row["hash"][2:]), row["log_index"]
        return Event(row["contract"], row["name"], args, *place, row["tx"])


def ledger(url: str, chain: Chain, depth: int | None = None) -> Ledger:
    """A ledger at the chain's confirmed head, begun from the events of the indexer at `url`.

    RestoreError if its answer cannot be used; Diverged if it is not what the contracts hold.
    """
    depth = chain.confirmations if depth is None else depth
    try:
        found = Ledger(chain, depth, Download(url, chain, depth))
    except (LookupError, ValueError, TypeError, AttributeError, Diverged) as error:
        raise RestoreError(f"the events of {url} do not follow from each other: {error!r}; restore without it") from None
    found.sync()
    if not found.credentials_fit:
        raise RestoreError(f"the credentials of {url} are not those of the issuer's root; restore without it")
    if found.block <= chain.head() - STATE_BLOCKS:
        raise ChainError("the chain moved on while it was restored; try again")
    return found


def check_spent(holdings: Holdings) -> None:
    """Ask the chain whether each note of a wallet is spent as the ledger has it; Diverged if one is not.

    The node learns whose nullifiers these are: ask one's own.
    """
    ledger = holdings.ledger
    pool = ledger.chain.contract("Pool")
    for own in holdings.notes:
        if ledger.chain.call(pool.functions.nullified(own.nullifier), ledger.block) != own.spent:
            raise Diverged(f"the note at {own.position} is {'un' * own.spent}spent on the chain: sync without the indexer")


def _lines(parts: Iterator[bytes]) -> Iterator[bytes]:
    """ValueError at a line that grows beyond any event's."""
    rest = b""
    for part in parts:
        *lines, rest = (rest + part).split(b"\n")
        if len(rest) > MOST_LINE:
            raise ValueError(f"a line of more than {MOST_LINE} bytes")
        yield from lines
    if rest:
        yield rest


def _events(contract: str) -> list[dict]:
    return [entry for entry in contracts.artifact(contract).abi if entry["type"] == "event"]


def _value(part: dict, kind: str, value: Any) -> Any:
    """A value of the ABI's type `kind`, of JSON that has integers as decimal text and bytes as 0x…"""
    if kind.endswith("]"):
        return [_value(part, kind[: kind.rindex("[")], one) for one in value]
    if kind == "tuple":
        return {one["name"]: _value(one, one["type"], value[one["name"]]) for one in part["components"]}
    if kind.startswith("uint"):
        if not (isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 79):
            raise ValueError(f"{str(value)[:80]!r} is not a number")
        return int(value)
    return bytes.fromhex(value[2:]) if kind.startswith("bytes") else value
