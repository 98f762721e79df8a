"""Logs that a node gives: refused as malformed, or read to what encodes to the same log again."""

from random import Random

import pytest
from eth_abi import encode
from eth_utils.abi import collapse_if_tuple

from offchain.events import BadLog, EventType
from tests.fuzz.followed import entries
from tests.fuzz.mutate import R, survey

EDGES = (0, 1, 2, 8, 32, 64, 2**31, 2**63, 2**64, 2**160, R, 2**255, 2**256 - 1)


def example(rng: Random, part: dict):
    kind = part["type"]
    if kind.endswith("]"):
        inner, _, size = kind[:-1].rpartition("[")
        return [example(rng, part | {"type": inner}) for _ in range(int(size or rng.randrange(4)))]
    if kind == "tuple":
        return tuple(example(rng, inner) for inner in part["components"])
    if kind == "address":
        return "0x" + rng.randbytes(20).hex()
    if kind == "bool":
        return rng.random() < 0.5
    return rng.randbytes(32) if kind == "bytes32" else rng.getrandbits(int(kind.removeprefix("uint")))


def logs(entry: dict, values: list) -> dict:
    """The log of an event with these values, in the order of its ABI."""
    parts = list(zip(entry["inputs"], values, strict=True))
    plain = [(part, value) for part, value in parts if not part["indexed"]]
    topics = [encode([part["type"]], [value]) for part, value in parts if part["indexed"]]
    return {
        "topics": [EventType("", entry).topic, *topics],
        "data": encode([collapse_if_tuple(part) for part, _ in plain], [flat(value) for _, value in plain]),
        "blockNumber": 7, "blockHash": bytes(32), "logIndex": 3, "transactionHash": bytes(32),
    }  # fmt: skip


def flat(value):
    return tuple(value.values()) if isinstance(value, dict) else value


def spoilt(rng: Random, log: dict) -> dict:
    log = dict(log)
    data, topics = bytearray(log["data"]), list(log["topics"])
    for _ in range(rng.randrange(1, 4)):
        kind = rng.randrange(6)
        if kind == 0:
            del data[rng.randrange(len(data) + 1) :]
        elif kind == 1:
            data += bytes(rng.randrange(70))
        elif kind == 2 and len(topics) > 1:
            topics[rng.randrange(len(topics))] = rng.choice(EDGES).to_bytes(32, "big")[: rng.choice((0, 20, 32, 32))]
        elif kind == 3:
            topics = topics[: rng.randrange(len(topics) + 1)] if rng.random() < 0.5 else [*topics, bytes(32)]
        elif data:
            at = 32 * rng.randrange(-(-len(data) // 32))
            data[at : at + 32] = rng.choice(EDGES).to_bytes(32, "big")
    return log | {"data": bytes(data), "topics": topics}


def test_events_read_as_encoded():
    rng = Random(1)
    for contract, entry in entries():
        for _ in range(20):
            values = [example(rng, part) for part in entry["inputs"]]
            read = EventType(contract, entry).read(logs(entry, values))
            assert (read.contract, read.name, read.block, read.index) == (contract, entry["name"], 7, 3)
            assert logs(entry, list(read.args.values())) == logs(entry, values)


@pytest.mark.parametrize("lost", ["topics", "data", "blockNumber", "blockHash", "logIndex", "transactionHash"])
def test_a_log_without_a_field(lost):
    contract, entry = entries()[0]
    log = logs(entry, [example(Random(2), part) for part in entry["inputs"]])
    del log[lost]
    with pytest.raises(BadLog, match=entry["name"]):
        EventType(contract, entry).read(log)


def test_spoilt_logs():
    rng = Random(3)
    good = [
        (EventType(contract, entry), entry, logs(entry, [example(rng, part) for part in entry["inputs"]]))
        for contract, entry in entries()
        for _ in range(3)
    ]

    def one(rng: Random) -> bool:
        kind, entry, log = rng.choice(good)
        log = spoilt(rng, log)
        try:
            read = kind.read(log)
        except BadLog:
            return False
        again = logs(entry, list(read.args.values()))
        assert again["topics"] == log["topics"] and len(again["data"]) <= len(log["data"])
        return True

    survey("events", one)
