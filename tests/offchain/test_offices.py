"""Governor, feeder and registration of keys, each through its own module."""

import pytest

from offchain.calls import build_register_key, build_set_auditor
from offchain.chain import Reverted
from offchain.feeder import observe, push
from offchain.field import RangeError
from offchain.governance import Governance
from offchain.keys import EncryptionKey


@pytest.fixture
def governance(world):
    return Governance(world.chain, world.accounts["governor"])


def unpause(world):
    return world.chain.contract("Pool").functions.unpause()


def test_a_proposal_waits_its_delay(world, governance):
    (proposal,) = governance.propose(unpause(world))
    with pytest.raises(Reverted, match="too early"):
        governance.execute(proposal)
    world.go_to(proposal.ready)
    governance.execute(proposal)
    with pytest.raises(Reverted, match="not pending"):
        governance.execute(proposal)


def test_a_cancelled_proposal_is_gone(world, governance):
    (proposal,) = governance.propose(unpause(world))
    governance.cancel(proposal)
    world.mine(5)
    with pytest.raises(Reverted, match="not pending"):
        governance.execute(proposal)


def test_only_the_admin_proposes(world):
    with pytest.raises(Reverted, match="not the admin"):
        Governance(world.chain, world.accounts["stranger"]).propose(unpause(world))


def test_enact_proposes_waits_and_executes(world, governance):
    key = EncryptionKey.generate()
    call = build_set_auditor(world.deployment, key, world.accounts["auditor"].address).on(world.chain)
    receipts = governance.enact([call, unpause(world)], progress=lambda head: world.mine(1))
    assert [r.name for r in receipts] == ["propose set_auditor", "propose unpause", "execute", "execute"]
    world.confirm()
    version = world.chain.call(world.chain.contract("Keys").functions.auditor_version())
    assert world.ledger.auditors[version] == key.public


def test_a_key_of_another_account_is_refused(world):
    call = build_register_key(world.deployment, EncryptionKey.generate(), world.accounts["relayer"].address)
    with pytest.raises(Reverted):
        world.send("stranger", call)


def test_the_feeders_price_is_stored(world):
    receipt = push(world.chain, world.accounts["feeder"], world.accounts["stranger"], 777)
    again = push(world.chain, world.accounts["feeder"], world.accounts["carrier"], 778)
    oracle = world.chain.contract("Oracle").functions
    assert world.chain.call(oracle.at(receipt.block)) == [777, receipt.block]
    assert world.chain.call(oracle.latest()) == [778, again.block]


def test_nobody_else_feeds(world):
    with pytest.raises(Reverted, match="not a feeder"):
        push(world.chain, world.accounts["stranger"], world.accounts["stranger"], 5)


@pytest.mark.parametrize("price", [0, 1 << 64, -1])
def test_a_price_out_of_range_is_not_signed(world, price):
    with pytest.raises(RangeError, match="price"):
        observe(world.accounts["feeder"], 1, 2, price, 3)
