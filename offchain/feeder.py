"""The reference price's feeder: sign an observation, and carry it to the source."""

from dataclasses import dataclass

from eth_account import Account
from eth_account.signers.local import LocalAccount

from offchain.chain import Chain, Receipt
from offchain.field import check_range, keccak256
from offchain.streams import keccak_words

OBSERVATION_DOMAIN = keccak256(b"shadowpool.v1.observation")


@dataclass(frozen=True)
class Observation:
    """`price` in quote units per lot, `time` in seconds, and the feeder's signature."""

    price: int
    time: int
    v: int
    r: int
    s: int


def observe(account: LocalAccount, chain_id: int, source: int, price: int, time: int) -> Observation:
    """Sign a price; RangeError unless it is in [1, 2^64). `source` is the contract as a word."""
    check_range(price, 1, 1 << 64, "price")
    check_range(time, 0, 1 << 64, "time")
    message = keccak_words(OBSERVATION_DOMAIN, chain_id, source, price, time)
    signed = Account.unsafe_sign_hash(message, account.key)
    return Observation(price, time, signed.v, signed.r, signed.s)


def push(chain: Chain, feeder: LocalAccount, carrier: LocalAccount, price: int) -> Receipt:
    """Store a price at the time of the head, or a second after the last one if that is later."""
    source = chain.contract("Source")
    *_, last = chain.call(source.functions.latest())
    time = max(chain.timestamp(chain.head()), last + 1)
    seen = observe(feeder, chain.chain_id, int(source.address, 16), price, time)
    return chain.send(carrier, source.functions.push(seen.price, seen.time, seen.v, seen.r, seen.s))
