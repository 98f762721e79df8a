"""Markets, the states of an epoch at each boundary block, and who may commit when."""

import pytest
from eth_utils import to_checksum_address

from tests.contracts import words
from tests.contracts.chain import reverts
from tests.contracts.words import chained
from tests.contracts.world import (
    COMMIT, EMPTY, EPOCH_STAKE, FAILED, FROZEN, LAG, REVEAL, SETTLED, SETTLING, UNOPENED, ZERO, World,
)  # fmt: skip


def test_windows_are_arithmetic(world):
    t = world.terms
    for epoch in (0, 1, 7, 2**40):
        freeze = t["start_block"] + (epoch + 1) * t["commit_blocks"]
        reveal = freeze + t["freeze_blocks"]
        settle = reveal + t["reveal_blocks"]
        expected = [freeze - t["commit_blocks"], freeze, reveal, settle, settle + t["settle_blocks"]]
        assert list(world.windows(epoch).values()) == expected
    start, length = t["start_block"], t["commit_blocks"]
    assert [world.market.epoch_at(0, start + n) for n in (0, length - 1, length, 2 * length)] == [0, 0, 1, 2]
    with reverts("market: not started"):
        world.market.epoch_at(0, start - 1)
    for view in ("windows", "state"):
        with reverts("market: unknown market"):
            world.market.call(view, 1, 0)
    for call in (("terms", 1), ("epoch_at", 1, 5)):
        with reverts("market: unknown market"):
            world.market.call(*call)


def test_states_at_each_boundary_when_settled(world):
    """Half-open windows: a boundary block already belongs to what follows."""
    market, w = world.market, world.windows(0)

    def state():
        return market.state(0, 0)

    world.chain.before(w["open"])
    assert state() == UNOPENED
    orders = [world.order(0) for _ in range(2)]
    for order in orders:
        world.commit(order)
    assert state() == COMMIT
    for boundary, before, after in (("freeze", COMMIT, FROZEN), ("reveal_from", FROZEN, REVEAL)):
        world.chain.before(w[boundary])
        assert state() == before
        world.chain.mine()
        assert state() == after
    for order in orders:
        world.reveal(order)
    world.chain.before(w["settle_from"])
    assert state() == REVEAL
    world.chain.mine()
    assert state() == SETTLING
    world.settle(*world.settlement(0, orders))
    assert state() == SETTLED
    world.chain.before(w["deadline"] + 1)
    assert state() == SETTLED


def test_states_when_nobody_settles_or_reveals(world):
    world.revealed(0, 1)
    w = world.windows(0)
    world.chain.before(w["deadline"])
    assert world.market.state(0, 0) == SETTLING
    world.chain.mine()
    assert world.market.state(0, 0) == FAILED
    assert world.market.state(0, 1) == UNOPENED
    w = world.windows(4)
    world.chain.before(w["open"])
    world.commit(world.order(4))
    world.chain.before(w["settle_from"])
    assert world.market.state(0, 4) == REVEAL
    world.chain.mine()
    assert world.market.state(0, 4) == EMPTY
    world.chain.before(w["deadline"] + 5)
    assert world.market.state(0, 4) == EMPTY


def test_commit_window_is_half_open(world):
    w = world.windows(0)
    world.chain.before(w["open"] - 1)
    with reverts("market: window closed"):
        world.commit(world.order(0))
    assert world.chain.block == w["open"] - 1
    receipt = world.commit(world.order(0))
    assert receipt.block == w["open"]
    world.chain.before(w["freeze"] - 1)
    assert world.commit(world.order(0)).block == w["freeze"] - 1
    with reverts("market: window closed"):
        world.commit(world.order(0))
    # Pipelined: the same block opens the next window.
    world.chain.before(w["freeze"] + 1)
    world.commit(world.order(1))
    far = ((2, "market: window closed"), (2**64, "market: epoch out of range"), (2**255, ""))
    for epoch, reason in far:
        with reverts(reason):
            world.commit(world.order(epoch))


def test_first_commit_fixes_leader_and_keys(world):
    w = world.windows(0)
    world.chain.before(w["open"])
    leader = world.relayers.leader_at(0, w["open"])
    receipt = world.commit(world.order(0))
    opened = {"market": 0, "epoch": 0, "leader": leader, "reveal_version": 1}
    opened |= {"auditor_version": 1, "treasury_version": 1}
    assert world.market.logs(receipt, "EpochOpened") == [opened]
    # Later versions are for later epochs.
    spot = world.point()
    world.govern(world.keys, "set_auditor", world.auditor, *spot, *world.possession(world.auditor, spot))
    world.register_key(leader, world.point())
    assert not world.market.logs(world.commit(world.order(0)), "EpochOpened")
    e = world.epoch(0)
    assert (e["leader"], e["reveal_key_version"], e["auditor_version"]) == (leader, 1, 1)
    assert list(e["reveal_key"]) == world.point(to_checksum_address(leader))
    world.chain.before(world.windows(1)["open"])
    world.commit(world.order(1))
    assert world.epoch(1)["auditor_version"] == 2


def test_commit_is_recorded_and_chained(world):
    orders = world.committed(0, 2)
    link = bytes(32)
    for order in orders:
        link = chained(link, order["oc"], order["rk"])
        assert world.market.order_record(order["quota_nullifier"]) == chained(order["oc"], order["rk"], 0, 0, 0)
    e = world.epoch(0)
    assert e["commit_chain"] == link and e["live"] == 2 and e["reveals"] == 0 and not e["fixed"]
    order = world.order(0)
    (event,) = world.market.logs(world.commit(order), "Committed")
    expected = {name: order[name] for name in ("market", "epoch", "quota_nullifier", "oc")}
    expected |= {"rk": order["rk"].lower(), "position": 2, "memo": tuple(order.memo)}
    assert event == expected


def test_an_order_is_accepted_once_per_pool_for_ever(world):
    (order,) = world.committed(0, 1)
    again = world.order(0, quota_nullifier=order["quota_nullifier"])
    with reverts("market: order exists"):
        world.commit(again)
    world.reclaim(order, forfeit=0)
    with reverts("market: order exists"):
        world.commit(again)
    world.chain.before(world.windows(1)["open"])
    with reverts("market: order exists"):
        world.commit(world.order(1, quota_nullifier=order["quota_nullifier"]))


def test_an_order_of_another_epoch_or_market_is_refused(world):
    """The proof says for which window it is."""
    world.chain.before(world.windows(1)["open"])
    order = world.order(1)
    for changes in ({"epoch": 0}, {"market": 1}):
        proven = words.commit(order.c | changes, world.terms, order.memo)
        with reverts("statement: proof refused"):
            world.commit(order, proven)
    with reverts("market: window closed"):
        world.commit(world.order(0))
    with reverts("market: unknown market"):
        world.commit(world.order(0, market=1))


def test_a_full_epoch_refuses_and_a_cancel_frees_its_slot(world):
    orders = world.committed(0, 8)
    with reverts("market: epoch full"):
        world.commit(world.order(0))
    before = world.epoch(0)["commit_chain"]
    world.reclaim(orders[3], forfeit=0)
    e = world.epoch(0)
    assert e["live"] == 7 and e["commit_chain"] == chained(before, orders[3]["oc"], 0)
    world.commit(world.order(0))
    with reverts("market: epoch full"):
        world.commit(world.order(0))


def test_time_of_a_commit(world):
    """From the block's own time to an hour after it."""
    world.chain.before(world.windows(0)["open"])
    world.commit(world.order(0))
    for offset, fine in ((0, False), (1, True), (3601, True), (3602, False), (2**64, False)):
        with world.chain.undone():
            order = world.order(0, time=world.chain.time + offset)  # the next block's time is one more
            if fine:
                world.commit(order)
            else:
                with reverts("market: time out of range"):
                    world.commit(order)


def test_a_commit_names_a_reveal_key(world):
    world.chain.before(world.windows(0)["open"])
    with reverts("market: no reveal key"):
        world.commit(world.order(0, rk=ZERO))


def test_credential_roots(world):
    """A revocation acts at once; a root before a mere addition is valid for 20 blocks more."""
    world.chain.before(world.windows(0)["open"])
    old = world.credentials.root()
    with reverts("market: credential root"):
        world.commit(world.order(0, credential_root=world.fresh()))
    added = world.fresh()
    receipt = world.credentials.set_leaves(0, [5], added, True, sender=world.issuer)
    world.commit(world.order(0, credential_root=old))
    world.commit(world.order(0, credential_root=added))
    world.chain.before(receipt.block + 19)
    world.commit(world.order(0, credential_root=old))
    with reverts("market: credential root"):
        world.commit(world.order(0, credential_root=old))
    assert world.chain.block == receipt.block + 20
    more = world.fresh()
    world.credentials.set_leaves(1, [6], more, True, sender=world.issuer)
    world.commit(world.order(0, credential_root=added))
    revoked = world.fresh()
    world.credentials.set_leaves(0, [0], revoked, False, sender=world.issuer)
    for root in (old, added, more):
        with reverts("market: credential root"):
            world.commit(world.order(0, credential_root=root))
    world.commit(world.order(0, credential_root=revoked))


def test_no_eligible_leader_no_commits(world):
    w = world.windows(0)
    world.chain.before(w["open"])
    first, second = world.leaders
    if world.relayers.leader_at(0, w["open"]) == second.lower():
        first, second = second, first
    # As if their stake were reserved in other epochs.
    with world.chain.undone():
        world.chain.impersonate(world.market.address)
        for _ in range(world.relayers.stake_of(first) // EPOCH_STAKE):
            world.relayers.reserve(0, w["open"], sender=world.market.address)
        with world.chain.undone():
            world.commit(world.order(0))
            assert world.epoch(0)["leader"] == second.lower()  # the next in turn
        for _ in range(world.relayers.stake_of(second) // EPOCH_STAKE):
            world.relayers.reserve(0, w["open"], sender=world.market.address)
        with reverts("relayers: no eligible leader"):
            world.commit(world.order(0))
    world.commit(world.order(0))
    assert world.epoch(0)["leader"] == first.lower()


def test_keys_older_than_allowed_open_no_window(world):
    far = 401 // world.terms["commit_blocks"] + 1
    world.chain.before(world.windows(far)["open"])
    with reverts("relayers: no eligible leader"):
        world.commit(world.order(far))
    keyed, keyless = map(str.lower, world.leaders)
    world.register_key(keyed, world.point())
    with reverts("relayers: no eligible leader"):
        world.commit(world.order(far))  # registered inside the window: too late for this one
    turns = set()
    for nxt in range(far + 1, far + 12):
        turns.add(world.relayers.leader_at(nxt, world.windows(nxt)["open"]))
        world.chain.before(world.windows(nxt)["open"])
        with world.chain.undone():
            world.commit(world.order(nxt))
            assert (world.epoch(nxt)["leader"], world.epoch(nxt)["reveal_key_version"]) == (keyed, 2)
    assert turns == {keyed, keyless}  # who has no key holds nobody up


def test_no_auditor_or_treasury_no_commits(world):
    """Of a second deployment that governance has not yet given its keys."""
    class Keyless(World):
        def _set_keys(self):
            pass

    with reverts("market: no auditor or treasury key"):
        other = Keyless(world.chain)
        other.chain.before(other.windows(0)["open"])
        other.commit(other.order(0))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"base": ZERO}, "market: address without code"),
        ({"quote": "0x" + "11" * 20}, "market: address without code"),
        ({"source": ZERO}, "market: address without code"),
        ({"lot": 0}, "market: quantity out of range"),
        ({"lot": 2**64}, "market: quantity out of range"),
        ({"min_quantity": 0}, "market: quantity out of range"),
        ({"min_quantity": 2**64}, "market: quantity out of range"),
        ({"fee_bps": 1001}, "market: rate out of range"),
        ({"bond_bps": 10001}, "market: rate out of range"),
        ({"split_bps": 10001}, "market: rate out of range"),
        ({"collar_bps": 10001}, "market: rate out of range"),
        ({"jurisdictions": 0}, "market: admission out of range"),
        ({"jurisdictions": 2**250}, "market: admission out of range"),
        ({"tier": 256}, "market: admission out of range"),
        ({"quota": 0}, "market: quota out of range"),
        ({"quota": 2**16}, "market: quota out of range"),
        ({"capacity": 0}, "market: capacity out of range"),
        ({"capacity": 65}, "market: capacity out of range"),
        ({"start_block": 5}, "market: start out of range"),
        ({"start_block": 2**32}, "market: start out of range"),
        ({"commit_blocks": 0}, "market: length out of range"),
        ({"freeze_blocks": 0}, "market: length out of range"),
        ({"reveal_blocks": 2**32}, "market: length out of range"),
        ({"settle_blocks": 0}, "market: length out of range"),
        ({"deferral": 2**32}, "market: length out of range"),
        ({"max_age": 2**32}, "market: length out of range"),
    ],
)
def test_terms_out_of_range(world, changes, reason):
    terms = {**world.terms, "start_block": world.chain.block + 5} | changes
    with reverts(reason):
        world.market.call("open_market", tuple(terms.values()), sender=world.governor.address)


def test_base_and_quote_differ(world):
    terms = {**world.terms, "start_block": world.chain.block + 5, "quote": world.base.address}
    with reverts("market: base is quote"):
        world.market.call("open_market", tuple(terms.values()), sender=world.governor.address)


def test_terms_come_back_as_given_at_their_limits(world):
    limits = {
        "lot": 2**64 - 1, "min_quantity": 2**64 - 1, "fee_bps": 1000, "bond_bps": 10000,
        "jurisdictions": 2**250 - 1, "tier": 255, "start_block": 2**32 - 1, "commit_blocks": 2**32 - 1,
        "freeze_blocks": 2**32 - 1, "reveal_blocks": 2**32 - 1, "settle_blocks": 2**32 - 1,
        "capacity": 64, "quota": 2**16 - 1, "split_bps": 10000, "deferral": 2**32 - 1,
        "max_age": 2**32 - 1, "collar_bps": 10000,
    }  # fmt: skip
    for changes in (limits, {name: 1 for name in limits} | {"start_block": world.chain.block + 50}, {}):
        start = {"start_block": world.chain.block + 50} if not changes else {}
        market = world.open_market(**(changes | start))
        found = world.market.fields("terms", market)
        assert found == {k: v.lower() if isinstance(v, str) else v for k, v in world.terms.items()}


def test_only_governance_opens_markets(world):
    for sender in (world.admin, world.stranger):
        with reverts("market: not governance"):
            world.market.call("open_market", tuple(world.terms.values()), sender=sender)


def test_markets_do_not_share_epochs(world):
    world.committed(0, 1)
    market = world.open_market(start_block=world.chain.block + 4 + LAG)
    world.chain.before(world.windows(0, market)["open"])
    world.commit(world.order(0, market))
    assert world.epoch(0, market)["live"] == 1 and world.epoch(0)["live"] == 1
    assert world.epoch(0, market)["commit_chain"] != world.epoch(0)["commit_chain"]


def test_settle_sizes_at_deployment(world):
    verifier = world.verifiers["commit"].address
    wrong = dict.fromkeys(((), (8, 8), (16, 8), (0,), (65,)), "market: settle sizes")
    for sizes, reason in (wrong | {(8,): "market: relayers bound elsewhere"}).items():
        nonce = int(world.chain.rpc("eth_getTransactionCount", world.admin, "latest"), 16)
        pool = world.chain.deploy(
            "Pool", world._created(nonce + 1), world.credentials.address, world.verifiers["transact"].address,
            world.verifiers["advance"].address, world.governor.address, ZERO,
        )  # fmt: skip
        with reverts(reason):
            world.chain.deploy(
                "Market", pool.address, world.relayers.address, world.keys.address, world.credentials.address,
                verifier, verifier, verifier, [verifier] * len(sizes), list(sizes), world.governor.address,
            )  # fmt: skip
