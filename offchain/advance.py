"""Moving appended leaves into the tree of notes: anyone may, relayers do so routinely."""

from dataclasses import replace

from offchain.calls import build_advance
from offchain.chain import Chain, Receipt
from offchain.claims import Advance
from offchain.ledger import Ledger
from offchain.merkle import CHUNK
from offchain.streams import keccak_words

APPEND_DELAY = 16
"""Blocks after an open chunk's first leaf before it can be closed unfilled."""

CHUNK_INDEX_BITS = 26


def advance(chain: Chain, ledger: Ledger, account) -> list[Receipt]:
    """Advance every chunk that may be advanced now, as far as the ledger knows its leaves.

    An open chunk to which leaves came after the ledger's block waits for the ledger.
    """
    ledger.sync()
    receipts: list[Receipt] = []
    chunk, tree = ledger.next_chunk, None
    while _ready(chain, ledger, chunk):
        leaves = ledger.chunk_leaves(chunk)
        number, index = chunk >> CHUNK_INDEX_BITS, chunk & ((1 << CHUNK_INDEX_BITS) - 1)
        if tree is None or index == 0:
            tree = ledger.tree(number).fork()
        old, new, siblings = tree.insert_chunk(index, leaves)
        call = build_advance(chain.deployment, Advance(index, leaves, old, new, siblings))
        receipt = chain.send(account, call.on(chain))
        receipts.append(replace(receipt, proof_seconds=call.proof_seconds))
        chunk += 1
    return receipts


def _ready(chain: Chain, ledger: Ledger, chunk: int) -> bool:
    """Whether the contract would take this chunk next, with the leaves that the ledger has."""
    functions = chain.contract("Pool").functions
    leaves = ledger.chunk_leaves(chunk)
    if not leaves or chain.call(functions.next_chunk()) != chunk:
        return False
    if len(leaves) < CHUNK and chain.head() < ledger.leaf_blocks[chunk] + APPEND_DELAY:
        return False
    link = bytes(32)
    for leaf in leaves:
        link = keccak_words(link, leaf)
    return chain.call(functions.chunk_chain(chunk)) == link
