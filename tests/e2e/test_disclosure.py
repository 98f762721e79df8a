"""Who learns what, and when: every cell of docs/disclosure.md against the traffic of a real run."""

import secrets
from collections.abc import Callable
from itertools import combinations, permutations

import pytest

from offchain.field import R
from offchain.keys import EncryptionKey
from offchain.ledger import Ledger
from offchain.notes import Side, pay
from offchain.records import EpochRecord
from offchain.streams import leader_secrets
from offchain.wallet import Wallet
from tests.e2e.disclosed import NEVER, read_table
from tests.e2e.observed import EXPIRY, MOMENTS, NAME, REFERENCE, Placed, Run, play
from tests.e2e.observed_index import watched
from tests.e2e.observers import DISTINCT, Traffic, blocks, hashes, joined, read
from tests.world import World, anvil, build_world

pytestmark = pytest.mark.timeout(1200)

OBSERVERS = ["public", "indexer", "carrier", "leader", "auditor", "treasury", "issuer", "governor"]


# --- The table ---


def table() -> dict[str, dict[str, str]]:
    return read_table("## The table")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    with anvil() as url:
        folder = tmp_path_factory.mktemp("disclosure")
        world = build_world(url, folder, REFERENCE, lot=1, freeze_blocks=8)
        with watched(world, folder) as index:
            yield play(world, index)


# --- What each observer knows ---


@pytest.fixture(scope="module")
def known(run) -> dict[tuple[str, str], set]:
    """What (observer, moment) knows beside the words of traffic; what is more than a word as a tuple."""
    world, roles = run.world, run.world.accounts
    keys = {
        "carrier": [own(roles["carrier"])],
        "leader": [run.rsk, world.relayer_notes.viewing, own(roles["relayer"])],
        "auditor": [world.auditor, own(roles["auditor"])],
        "treasury": [world.treasury, world.treasury_notes.viewing, own(roles["treasury"])],
        "issuer": [own(roles["issuer"])],
        "governor": [own(roles["governor"])],
    }
    ledger, found = Ledger(world.chain, depth=0), {}
    for moment in MOMENTS:
        ledger.sync(run.heads[moment])
        for observer, held in keys.items():
            found[observer, moment] = set().union(*(read(key, ledger) for key in held))
        found["public", moment] = told(world, ledger)
        found["leader", moment] |= salts(run, ledger)
        found["issuer", moment] |= book(world)
    return found


def own(who) -> EncryptionKey:
    """An account's secret as if it were an encryption key: it must open nothing."""
    return EncryptionKey(int.from_bytes(bytes(who.key), "big") >> 6)


def salts(run: Run, ledger: Ledger) -> set[int]:
    """The print salts that follow from the reveal key, once an epoch's reveals are in."""
    revealed = [(record.market, record.epoch) for record in ledger.epochs.values() if record.reveals]
    return {leader_secrets(run.rsk.scalar, ledger.context(*place).word).print_salt for place in revealed}


def told(world: World, ledger: Ledger) -> set[tuple]:
    """What the public reads of several words together."""
    found = set()
    for record in ledger.epochs.values():
        if settled := record.settlement:
            found |= {("invalid", one.reveal.oc) for one in record.reveals if settled.invalid(one.slot)}
    transacted = world.chain.contract("Pool").events.Transacted
    for log in transacted.get_logs(from_block=world.deployment.start_block, to_block=ledger.block):
        args = log["args"]
        found |= {(kind, int(args["account"], 16), args[kind]) for kind in ("deposit", "withdrawal")}
    return found


def book(world: World) -> set[int]:
    rows = world.issuer.book
    return {word for row in rows for word in (row.owner, row.expiry, int.from_bytes(row.name.encode(), "big"))}


@pytest.fixture(scope="module")
def public(run) -> dict[str, Traffic]:
    """All traffic and storage up to each moment."""
    start, parts, found = run.world.deployment.start_block, [], {}
    for moment in MOMENTS:
        parts += [blocks(run.world.chain, start, run.heads[moment]), run.stored[moment]]
        start, found[moment] = run.heads[moment] + 1, joined(parts)
    return found


@pytest.fixture(scope="module")
def orders_only(run) -> dict[str, Traffic]:
    """What was sent to the market, and its logs, up to each moment."""
    market, start = run.world.deployment.contracts["Market"], run.world.deployment.start_block
    return {moment: blocks(run.world.chain, start, run.heads[moment], market) for moment in MOMENTS}


# --- What each row is about ---


def opening(placed: Placed) -> tuple[int, ...]:
    return placed.order.order.opening


def payments(run: Run) -> list[int]:
    market, price = run.world.market, run.report.price
    pairs = zip(run.settled, run.fills, strict=True)
    paid = [pay(one.order.order.terms, fill, price, market.lot, market.fee_bps) for one, fill in pairs]
    return [amount for one in paid for amount in (one.base, one.quote) if amount >= DISTINCT]


def fees(run: Run) -> tuple[int, int]:
    """(leader's, treasury's) part, as their owners find them in their notes."""
    world = run.world
    leader = Wallet(world.chain, world.ledger, world.relayer_notes, world.accounts["relayer"])
    treasury = Wallet(world.chain, world.ledger, world.treasury_notes, world.accounts["treasury"], world.treasury)
    [part] = [one.note.amount for one in leader.notes() if one.note.amount]
    [rest] = {one.note.amount for one in treasury.notes()} - set(bonds(run))
    return part, rest


def bonds(run: Run) -> list[int]:
    market = run.world.market
    bad = [one.order.order.terms for one in (run.unrevealed, run.invalid)]
    return [one.bond(market.lot, market.fee_bps, market.bond_bps) for one in bad]


def asked(one: Placed, run: Run) -> list[int]:
    """The order's word, lots and limit; a limit that was printed as the price is public as that."""
    wanted = one.order.order.terms
    return [wanted.word, wanted.quantity, *([wanted.price] if wanted.price != run.report.price else [])]


def ciphertexts(run: Run) -> list[int]:
    epochs = run.world.ledger.epochs.values()
    return [word for record in epochs for one in record.reveals for word in one.reveal.ciphertext]


def signing_keys(run: Run) -> list[int]:
    found = []
    for who in run.traders:
        found += [who.key.sk, who.key.viewing.scalar, int.from_bytes(bytes(who.account.key), "big")]
    for one in run.orders:
        placed = one.order
        rk = one.who.key.order_account(placed.order.market, placed.order.epoch, placed.index)
        found.append(int.from_bytes(bytes(rk.key), "big"))
    return found


# Values that stand for each datum: all of them are known from the cell's moment on, none before.
DATA: dict[str, Callable[[Run], list]] = {
    "reference price": lambda run: [REFERENCE],
    "an institution's name and its credential's expiry": lambda run: [int.from_bytes(NAME.encode(), "big"), EXPIRY],
    "an institution's owner word": lambda run: [one.who.key.owner for one in run.settled],
    "amount of a deposit, with its wallet": lambda run: [("deposit", *one) for one in run.deposits],
    "amount of a payment within the pool": lambda run: [run.payment],
    "that an order was committed": lambda run: [one.order.order.commitment for one in run.orders],
    "that an order was revealed": lambda run: ciphertexts(run),
    "the wallet behind an order": lambda run: [int(one.who.account.address, 16) for one in run.orders],
    "terms of a settled order": lambda run: [word for one in run.settled for word in asked(one, run)],
    "owner, credential and salt of a settled order": lambda run: [opening(one) for one in run.settled],
    "fill of a settled order": lambda run: run.fills,
    "amounts of the notes that a settled order is paid": payments,
    "which reveals were invalid": lambda run: [("invalid", run.invalid.order.order.commitment)],
    "salt of the print": lambda run: [run.report.print_salt],
    "volume": lambda run: [run.report.volume],
    "price": lambda run: [run.report.price],
    "leader's part of the fees": lambda run: [fees(run)[0]],
    "treasury's part of the fees": lambda run: [fees(run)[1]],
    "terms of an order never revealed": lambda run: asked(run.unrevealed, run) + asked(run.invalid, run),
    "terms of an order in an epoch that failed": lambda run: asked(run.failed, run),
    "bond that was forfeited": bonds,
    "change of a commit": lambda run: [one.change for one in run.orders],
    "an institution's keys": signing_keys,
    "amount of a withdrawal, with its recipient": lambda run: [("withdrawal", *run.withdrawal)],
}


IN_ORDERS = {"the wallet behind an order"}
"""Sought only in what is sent to the market: wallets stand openly in deposits."""

NOT_A_NUMBER = {"which reveals were invalid"}
"""One bit of an order whose commitment is public: it has no encoding to look for."""


def test_every_row_is_checked_and_every_check_has_a_row():
    rows = table()
    assert list(rows) == list(DATA)
    assert {cell for row in rows.values() for cell in row.values()} <= {NEVER, *MOMENTS}
    assert all(list(row) == OBSERVERS for row in rows.values())


@pytest.mark.parametrize("datum", table())
def test_each_learns_it_when_the_table_says(run, known, public, orders_only, datum):
    values, sent = DATA[datum](run), orders_only if datum in IN_ORDERS else public
    assert values
    wrong = []
    for observer, cell in table()[datum].items():
        for place, moment in enumerate(MOMENTS):
            due = cell != NEVER and place >= MOMENTS.index(cell)
            if observer == "indexer":
                held, traffic = run.told[moment].facts, answers(run, datum, moment)
            else:
                held, traffic = known["public", moment] | known[observer, moment], sent[moment]
            knows = [value in held or (isinstance(value, int) and traffic.holds(value)) for value in values]
            if knows != [due] * len(values):
                wrong.append(f"{observer}, {moment}: {sum(knows)} of {len(values)}, should be {'all' if due else 'none'}")
    assert wrong == []


@pytest.mark.parametrize("datum", [datum for datum in table() if datum not in NOT_A_NUMBER])
def test_before_it_is_public_no_encoding_of_it_is(run, public, orders_only, datum):
    """Neither on the chain nor in anything that the indexer says."""
    sent = orders_only if datum in IN_ORDERS else public
    for observer, traffic in (("public", sent.get), ("indexer", lambda moment: answers(run, datum, moment))):
        cell = table()[datum][observer]
        last = len(MOMENTS) - 1 if cell == NEVER else MOMENTS.index(cell) - 1
        if last < 0:
            assert all(traffic(MOMENTS[0]).traces(value) for value in DATA[datum](run))
            continue
        for value in distinct(DATA[datum](run)):
            assert traffic(MOMENTS[last]).traces(value) == [], observer


def answers(run: Run, datum: str, moment: str) -> Traffic:
    """All that the indexer said until then, in which a datum is sought."""
    told = run.told[moment]
    return told.orders if datum in IN_ORDERS else told.whole


def test_the_indexer_was_asked_everything_and_pushed_every_block(run):
    assert run.index.kinds >= {"hello", "block"} and run.index.pushed == run.heads[MOMENTS[-1]]
    assert all(len(told.whole.words) > 200 and told.orders.words for told in run.told.values())


def distinct(values: list) -> list[int]:
    """Every number in `values` that is large enough, of tuples too; a deposit's wallet is known before it."""
    numbers = []
    for value in values:
        numbers += [value] if isinstance(value, int) else value[-1:] if isinstance(value[0], str) else value
    found = [number for number in numbers if number >= DISTINCT]
    assert found
    return found


def test_what_the_search_seeks_it_finds():
    """An encoding that is there is found, whole or within a packing."""
    value = secrets.randbits(60) | 1 << 60
    for hidden in (value, value << 3, value << 64 | 7, value << 65 | 5):
        traffic = Traffic()
        traffic.add(hidden.to_bytes(32, "big"))
        assert traffic.traces(value)
        backwards = Traffic()
        backwards.add(hidden.to_bytes(32, "little"))
        assert backwards.traces(value)
    for _, word in hashes((value,)):
        hashed = Traffic()
        hashed.add(word.to_bytes(32, "big"))
        assert hashed.traces(value) and hashed.holds(word)
    empty = Traffic()
    empty.add(secrets.token_bytes(3200))
    assert not empty.traces(value)


# --- What a table cannot say ---


def test_no_hash_of_what_could_be_guessed_is_public(run, public, orders_only):
    """Side, lots, limit, owner, credential and fill, alone and together, with and without the epoch."""
    fills = dict(zip(map(id, run.settled), run.fills))
    for one in run.orders:
        order = one.order.order
        asks = order.terms
        parts = (int(asks.side), asks.quantity, asks.price, asks.word, order.owner, order.credential_id, fills.get(id(one), 0))
        place = order.market, order.epoch
        guesses = [*((part,) for part in parts), *combinations(parts, 2), *combinations(parts, 3), *permutations(parts[:3])]
        for guess in guesses:
            # Small numbers alone hash to places of the contracts' storage, which mean something else.
            traffic = public if max(guess) >= DISTINCT else orders_only
            for made in (guess, (*place, *guess)):
                assert [name for name, word in hashes(made) if word in traffic[MOMENTS[-1]].words] == []


def test_no_pad_is_used_twice_or_is_public(run, public):
    """One pad for two plaintexts would give away their difference."""
    sealed = [pair for record in run.world.ledger.epochs.values() for pair in sealed_words(run, record)]
    pads = [(cipher - plain) % R for cipher, plain in sealed]
    assert len(pads) == 5 * 4 + 4 + 3 + 3
    assert len(set(pads)) == len(pads)
    # A pad over 0 is the ciphertext; whoever sees it cannot tell that.
    assert not {pad for pad, (_, plain) in zip(pads, sealed) if plain} & public[MOMENTS[-1]].words


def sealed_words(run: Run, record: EpochRecord) -> list[tuple[int, int]]:
    """(ciphertext, plaintext) of every word of an epoch that is sealed for somebody."""
    valid = {one.order.order.commitment: opening(one) for one in run.orders if one is not run.invalid}
    found = []
    for revealed in record.reveals:
        found += zip(revealed.reveal.ciphertext, valid.get(revealed.reveal.oc, ()))
    if settled := record.settlement:
        found += [(receipt, fill + (run.report.price << 64)) for (receipt, _), fill in zip(settled.slots, run.fills)]
        found.append((settled.audit[0], run.report.price + (run.report.volume << 64)))
        found += [(settled.audit[1], run.report.print_salt), (settled.treasury_pad, fees(run)[1])]
    owed = dict(zip((one.order.order.commitment for one in (run.unrevealed, run.invalid)), bonds(run)))
    return found + [(order.reclaim.treasury_pad, owed.get(order.oc, 0)) for order in record.orders if order.reclaim]


def test_a_buyer_s_traffic_has_the_shape_of_a_seller_s(run):
    """Lengths and counts of calldata and logs, of commits, reveals and reclaims."""
    chain, market = run.world.chain, run.world.chain.contract("Market")
    start = run.world.deployment.start_block
    side = {one.order.order.commitment: one.order.order.terms.side for one in run.orders}
    for event in (market.events.Committed, market.events.Revealed, market.events.Reclaimed):
        shapes = {Side.BUY: set(), Side.SELL: set()}
        for log in event.get_logs(from_block=start):
            sent = chain.web3.eth.get_transaction(log["transactionHash"])
            logs = chain.web3.eth.get_transaction_receipt(log["transactionHash"])["logs"]
            shape = len(sent["input"]), tuple((one["address"], len(one["topics"]), len(one["data"])) for one in logs)
            # The first of its epoch also logs what it fixes: that is the epoch's, not the order's.
            shapes[side[log["args"]["oc"]]].add(shape)
        assert shapes[Side.SELL] and shapes[Side.SELL] <= shapes[Side.BUY]
