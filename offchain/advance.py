"""Moving appended leaves into the tree of notes: anyone may, relayers do so routinely."""

from collections.abc import Iterator
from dataclasses import replace

from eth_account.signers.local import LocalAccount

from offchain.calls import build_advance
from offchain.chain import Chain, Receipt, Reverted
from offchain.claims import Advance
from offchain.ledger import Ledger
from offchain.merkle import CHUNK, ChunkTree
from offchain.streams import keccak_words

APPEND_DELAY = 16
"""Blocks after an open chunk's first leaf before it can be closed unfilled."""

CHUNK_INDEX_BITS = 26


def advance(chain: Chain, ledger: Ledger, account: LocalAccount) -> list[Receipt]:
    """Advance every chunk that may be advanced now, as far as the ledger knows its leaves.

    An open chunk to which leaves came after the ledger's block waits for the ledger.
    """
    receipts: list[Receipt] = []
    for chunk, claim in _claims(chain, ledger):
        call = build_advance(chain.deployment, claim)
        try:
            receipt = chain.send(account, call.on(chain))
        except Reverted:
            if chain.call(chain.contract("Pool").functions.next_chunk()) == chunk:
                raise
            break       # somebody else advanced it first
        receipts.append(replace(receipt, proof_seconds=call.proof_seconds))
    return receipts


def ready(chain: Chain, ledger: Ledger, block: int) -> int | None:
    """The chunk that the contract would take next after `block`, if it takes one."""
    with ledger.lock:
        chunk = ledger.next_chunk
        return chunk if _ready(chain, ledger, chunk, block) else None


def next_claim(chain: Chain, ledger: Ledger, block: int) -> tuple[int, Advance] | None:
    """(chunk, what is proven of it) of the chunk that is ready after `block`."""
    return next(_claims(chain, ledger, block), None)


def _claims(chain: Chain, ledger: Ledger, block: int | None = None) -> Iterator[tuple[int, Advance]]:
    """(chunk, what is proven of it), each as soon as the one before it is in the tree."""
    with ledger.lock:
        ledger.sync()
        chunk = ledger.next_chunk
        tree = ledger.tree(chunk >> CHUNK_INDEX_BITS).fork()
    while _ready(chain, ledger, chunk, chain.head() if block is None else block):
        index = chunk & ((1 << CHUNK_INDEX_BITS) - 1)
        if index == 0:
            tree = ChunkTree()
        leaves = ledger.chunk_leaves(chunk)
        old, new, siblings = tree.insert_chunk(index, leaves)
        yield chunk, Advance(index, leaves, old, new, siblings)
        chunk += 1


def _ready(chain: Chain, ledger: Ledger, chunk: int, block: int) -> bool:
    """Whether the contract would take this chunk next after `block`, with the leaves that the ledger has."""
    functions = chain.contract("Pool").functions
    leaves = ledger.chunk_leaves(chunk)
    if not leaves or chain.call(functions.next_chunk(), block) != chunk:
        return False
    if len(leaves) < CHUNK and block < ledger.leaf_blocks[chunk] + APPEND_DELAY:
        return False
    link = bytes(32)
    for leaf in leaves:
        link = keccak_words(link, leaf)
    return chain.call(functions.chunk_chain(chunk), block) == link
