"""GO or NO-GO: every line of `check` against a real pool, with what it watches for broken on purpose."""

from dataclasses import replace
from pathlib import Path

import pytest

from offchain import circuits, keystore
from offchain.deployment import Deployment
from relayer.check import Check, Level, Subject, go
from relayer.duties import Duties, Duty
from relayer.reveal_keys import key_file
from relayer.standing import Standing
from relayer.store import Store
from tests.world import CONFIRMATIONS, anvil, build_world


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with anvil() as url:
        yield build_world(url, tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def ready(world, tmp_path_factory):
    """A relayer that lacks nothing: account and keys under one password, a database of this deployment."""
    folder = tmp_path_factory.mktemp("relayer")
    word, who = world.leader.keys._password, world.accounts["relayer"]
    keystore.save(folder / "account.json", keystore.Kind.ACCOUNT, int.from_bytes(who.key), word)
    world.deployment.save(folder / "deployment.json")
    url = f"sqlite:///{folder / 'relayer.sqlite3'}"
    store = Store.open(url, world.deployment)
    store.took("settle_8", 0.75, 1)
    store.close()
    # Mined blocks are a second apart whatever this machine's clock says: so is the clock here.
    return Subject(
        rpc=world.chain.rpc_url,
        deployment=folder / "deployment.json",
        keys=world.leader.keys.folder,
        account=folder / "account.json",
        address=who.address,
        password=word,
        database=url,
        confirmations=CONFIRMATIONS,
        patience=30,
        clock=lambda: world.chain.timestamp(world.chain.head()) + 1,
    )


@pytest.fixture
def moving(world):
    """The chain mines a block a second meanwhile."""
    world.chain.web3.provider.make_request("evm_setIntervalMining", [1])
    yield
    world.chain.web3.provider.make_request("evm_setIntervalMining", [0])
    world.chain.web3.provider.make_request("evm_setAutomine", [True])


def part(subject: Subject, name: str) -> list[tuple[Level, str]]:
    return [(line.level, line.says) for line in Check(subject)._lines(name)]


def failed(subject: Subject, name: str, says: str) -> bool:
    found = [line for line in Check(subject)._lines(name) if line.level == Level.FAIL]
    return bool(found) and all(line.remedy for line in found) and any(says in line.says for line in found)


def warned(subject: Subject, name: str, says: str) -> bool:
    return any(level == Level.WARN and says in text for level, text in part(subject, name))


def test_a_relayer_that_lacks_nothing_goes(ready, moving):
    seen = []
    lines = Check(ready).run(seen.append)
    assert [line for line in lines if line.level != Level.OK and "peers" not in line.says] == []
    assert seen == lines and go(lines)
    parts = {line.part for line in lines}
    assert parts == {"configuration", "chain", "clock", "account", "stake", "keys", "prover", "disk", "database"}
    said = "\n".join(line.says for line in lines)
    assert "settle_8 takes 0.8 s here" in said and "8 contracts hold the code compiled here" in said
    assert ready.password not in said


def test_without_a_key_it_is_a_dry_run(ready, moving):
    dry = replace(ready, account=None, address=None, password=None, database=None)
    lines = Check(dry).run()
    assert go(lines) and warned(dry, "configuration", "dry run")
    assert {line.part for line in lines} == {"configuration", "chain", "clock", "prover", "disk"}


def test_known_by_address_alone_it_reads_stake_and_keys(ready):
    known = replace(ready, account=None, password=None)
    assert part(known, "stake")[0][0] == Level.OK
    assert warned(known, "keys", "was not opened: no password")


def test_the_chain(ready, world, tmp_path):
    with anvil(chain_id=1337) as other:
        assert failed(replace(ready, rpc=other), "chain", "is for chain 31337")
    assert failed(replace(ready, rpc="http://127.0.0.1:9"), "chain", "no chain answers")
    assert failed(replace(ready, patience=0), "chain", "has stood at block")
    assert failed(replace(ready, deployment=tmp_path / "none.json"), "configuration", "no deployment at")


def test_code_that_is_not_ours(ready, world, tmp_path):
    """A deployment that names the pool's address for the market, and one whose contract is nowhere."""
    def changed(**contracts: str) -> Subject:
        file = tmp_path / "deployment.json"
        theirs = replace(world.deployment, contracts=world.deployment.contracts | contracts)
        theirs.save(file)
        return replace(ready, deployment=file, patience=0)

    other = changed(Market=world.deployment.contracts["Pool"])
    assert failed(other, "chain", "other code than compiled here at Market")
    assert failed(changed(Keys=world.accounts["stranger"].address), "chain", "at Keys")


def test_a_proving_key_of_another_set_up(ready, world, tmp_path):
    theirs = Deployment.load(ready.deployment)
    theirs.verifiers["print"] = replace(theirs.verifiers["print"], circuit_id="0x" + circuits.load("key").id.hex())
    theirs.save(tmp_path / "deployment.json")
    other = replace(ready, deployment=tmp_path / "deployment.json", patience=0)
    assert failed(other, "chain", "circuit print here has another key")


def test_the_deployed_verifier_is_asked(ready, world, tmp_path):
    theirs = Deployment.load(ready.deployment)
    theirs.verifiers["print"] = replace(theirs.verifiers["print"], address=theirs.verifiers["key"].address)
    theirs.save(tmp_path / "deployment.json")
    assert failed(replace(ready, deployment=tmp_path / "deployment.json"), "prover", "does not verify")


def test_a_market_that_leaves_too_little_time(ready, tmp_path, world):
    url = f"sqlite:///{tmp_path / 'slow.sqlite3'}"
    slow = replace(ready, database=url)
    assert warned(slow, "prover", "settle_8 was not yet timed here")
    store = Store.open(url, world.deployment)
    store.took("settle_8", 10**6, 1)
    store.close()
    assert failed(slow, "prover", "settle_8 takes 1000000.0 s")


def test_the_clock(ready, world):
    def late(seconds: int) -> Subject:
        return replace(ready, clock=lambda: world.chain.timestamp(world.chain.head()) - seconds)

    assert failed(late(60), "clock", "60 s ahead of this machine's") and warned(late(10), "clock", "10 s ahead")
    assert warned(late(-3600), "clock", "the last block is 3600 s old")


def test_files_open_to_others(ready):
    for path, name in ((ready.account, "account"), (ready.keys, "keys")):
        mode = path.stat().st_mode
        path.chmod(mode | 0o044)
        try:
            assert failed(ready, name, "is open to others")
        finally:
            path.chmod(mode)


def test_a_password_that_opens_nothing(ready):
    other = replace(ready, password="another")
    assert failed(other, "account", "does not open") and failed(other, "keys", "does not open")


def test_a_registered_key_that_is_gone(ready, world):
    file = key_file(ready.keys, Standing(world.chain, world.ledger, ready.address).keys[-1].public)
    away = file.with_suffix(".away")
    file.rename(away)
    try:
        assert failed(ready, "keys", "is not in the folder")
    finally:
        away.rename(file)
    assert failed(replace(ready, keys=Path("/nowhere")), "keys", "there is no folder")


def test_stake_and_coin(ready, world):
    stranger = replace(ready, address=world.accounts["stranger"].address, account=None)
    assert failed(stranger, "stake", "not in the registry") and failed(stranger, "keys", "no reveal key is registered")
    poor = replace(stranger, address="0x" + "11" * 19 + "12")
    assert failed(poor, "account", "coin for 0 settlements")


def test_unbonded_stake_is_no_turn(ready, world):
    before = world.chain.web3.provider.make_request("evm_snapshot", [])["result"]
    relayers = world.chain.contract("Relayers").functions
    world.chain.send(world.accounts["relayer"], relayers.unbond(1_000 * 10**18))
    assert failed(ready, "stake", "no turn in the rotation")
    world.go_back(before)


def test_a_key_that_ages_out(ready, world, monkeypatch):
    """A day of blocks is too many to mine: the age at which keys end is lowered instead."""
    age = world.chain.head() - Standing(world.chain, world.ledger, ready.address).keys[-1].registered
    monkeypatch.setattr(Standing, "key_max_age", age * 11 // 10)
    assert warned(ready, "keys", "opens windows for")
    monkeypatch.setattr(Standing, "key_max_age", age)
    assert failed(ready, "keys", "opens windows for 0 more blocks")


def test_a_key_that_is_too_old_is_followed_by_another(ready, world, monkeypatch):
    """Also by a relayer that was away for longer than a key lives: then no block is too late for it."""
    head = world.chain.head()
    here = world.chain, world.ledger, ready.address
    duties, last, asked = Duties(*here), Standing(*here).last_key, world.chain.call
    age = head - last.registered

    def call(function, block):
        return age if function.fn_name == "key_max_age" else asked(function, block)

    monkeypatch.setattr(world.chain, "call", call)
    assert duties.rotate_key(head - 1) == [Duty("rotate_key", 0, last.version + 1, head)]
    assert duties.rotate_key(head) == [Duty("rotate_key", 0, last.version + 1, None)]


def test_a_database_of_another_deployment(ready, world, tmp_path):
    url = f"sqlite:///{tmp_path / 'other.sqlite3'}"
    Store.open(url, replace(world.deployment, chain_id=1337)).close()
    assert failed(replace(ready, database=url), "database", "of deployment")
    fresh = replace(ready, database=f"sqlite:///{tmp_path / 'new.sqlite3'}")
    assert part(fresh, "database") == [(Level.OK, "not there yet: the service makes it on its first start")]
    assert not (tmp_path / "new.sqlite3").exists()


def test_a_disk_that_cannot_be_written(ready):
    """/sys takes no file from anybody."""
    assert failed(replace(ready, keys=Path("/sys")), "disk", "")


def test_redis_that_is_not_there(ready):
    assert failed(replace(ready, redis="redis://127.0.0.1:9/0"), "redis", "does not answer")


def test_what_nobody_thought_of_is_a_class_and_a_place(ready, monkeypatch):
    def leaks(self):
        yield Level.OK, "fine so far"
        raise KeyError("correct horse")

    monkeypatch.setattr(Check, "_disk", leaks)
    (fine, broken) = part(ready, "disk")
    assert fine[0] == Level.OK and broken[0] == Level.FAIL
    assert broken[1].startswith("KeyError at tests/relayer/test_check.py:") and "horse" not in broken[1]
