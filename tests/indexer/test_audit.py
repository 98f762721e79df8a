"""The audit of a settled epoch with real proofs: what holds, and that nothing planted passes."""

import csv
import json
import random
import shutil
from dataclasses import replace
from types import SimpleNamespace

import pytest
from eth_account.messages import encode_defunct
from pyarrow import parquet
from sqlalchemy import text
from typer.testing import CliRunner

from indexer import database
from indexer.access_log import AccessLog, LogBroken
from indexer.audit import anchors, findings, period, report, tables
from indexer.audit.examine import CHECKS, examine, rederive
from indexer.audit.period import audit
from indexer.audit.record import Index, Record
from indexer.follow import Follower
from offchain import keystore
from offchain.auditor import AuditError, _decrypt
from offchain.clearing import OFFSET_BITS, clear
from offchain.field import R
from offchain.keys import EncryptionKey
from offchain.chain import Reverted
from offchain.ledger import Ledger
from offchain.notes import Note, Side, Terms
from offchain.state import Diverged
from offchain.streams import audit_pads, output_blindings, print_commitment, seal_receipt, shared_point
from scripts.cli.app import app
from scripts.cli.errors import is_expected
from tests.indexer.conftest import new_branch

BUY, SELL = Side.BUY, Side.SELL


@pytest.fixture(scope="module")
def indexed(story, tmp_path_factory):
    """The story's index in a file, complete."""
    file = tmp_path_factory.mktemp("index") / "index.sqlite"
    engine = database.open(f"sqlite:///{file}")
    follower = Follower(engine, story.world.chain)
    follower.sync()
    follower.finish()
    follower.close()
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()
    return SimpleNamespace(file=file, deployment=story.world.deployment, key=story.world.auditor, epoch=story.settled)


@pytest.fixture
def copy(indexed, tmp_path):
    """A copy of the index, to plant something in; `record` reads it, `change` rewrites an event."""
    file = tmp_path / "copy.sqlite"
    shutil.copy(indexed.file, file)
    engine = database.open(f"sqlite:///{file}")

    def change(name: str, edit, **where) -> None:
        with engine.begin() as connection:
            for block, index, args in connection.execute(text("SELECT block, log_index, args FROM events WHERE name = :name"), {"name": name}).all():
                said = json.loads(args)
                if all(said[key] == str(value) for key, value in where.items()):
                    edit(said)
                    update = text("UPDATE events SET args = :args WHERE block = :block AND log_index = :index")
                    connection.execute(update, {"args": json.dumps(said), "block": block, "index": index})

    yield SimpleNamespace(engine=engine, change=change, record=lambda: Record(Index(engine, indexed.deployment)))
    engine.dispose()


def checked(copy, indexed, verify: bool = True) -> set[str]:
    """The checks that do not hold for the story's epoch."""
    found = examine(copy.record(), [indexed.key], 0, indexed.epoch, verify)
    assert found.problems.keys() == CHECKS.keys()
    return {name for name, problems in found.problems.items() if problems}


def test_the_record_is_the_ledger(story, indexed, copy):
    ledger, record = Ledger(story.world.chain, depth=0), copy.record()
    ledger.sync(to_block=record.block)
    for name in ("leaves", "spent", "epochs", "orders", "markets", "auditors", "treasuries", "reveal_keys", "memos", "credential_root"):
        assert getattr(record, name) == getattr(ledger, name), name
    assert record.context(0, indexed.epoch) == ledger.context(0, indexed.epoch)


def test_everything_of_an_honest_epoch_holds(story, indexed, copy):
    assert checked(copy, indexed) == set()
    found = examine(copy.record(), [EncryptionKey.generate(), indexed.key], 0, indexed.epoch)
    assert (found.price, found.volume, found.fees, found.printed) == (500, 4, 4, True)
    ash, birch = found.lines
    assert (ash.opened.owner, birch.opened.owner) == tuple(story.world.traders[name].key.owner for name in ("ash", "birch"))
    assert [line.rederived for line in found.lines] == [line.opened.fill for line in found.lines] == [4, 4]
    assert (ash.payment.base, ash.payment.quote, birch.payment.base, birch.payment.quote) == (4_000, 0, 0, 1_998)
    assert (found.leader_fee, found.treasury_fee) == (2, 2) and found.found == []


def test_without_the_key_nothing_opens(indexed, copy):
    with pytest.raises(AuditError, match="needs version 1 of the auditor's key"):
        examine(copy.record(), [EncryptionKey.generate()], 0, indexed.epoch)
    with pytest.raises(AuditError, match="not settled"):
        examine(copy.record(), [indexed.key], 0, indexed.epoch + 1)


# --- What is planted is found ---


def plant_outcome(copy, indexed, price: int, volume: int, fills: tuple[int, ...]) -> None:
    """Rewrite the settlement to another outcome, sealed as a leader would who could prove anything."""
    record = copy.record()
    settled, context = record.epochs[0, indexed.epoch].settlement, record.context(0, indexed.epoch).word
    (_, salt), seeds = _decrypt(indexed.key, settled, context)
    pad = audit_pads(shared_point(indexed.key.scalar, settled.audit_point), context, 1)[0]

    def edit(args: dict) -> None:
        args["audit"][0] = str((price + (volume << 64) + pad) % R)
        args["print_commitment"] = str(print_commitment(price, volume, salt))
        for slot, (seed, fill) in enumerate(zip(seeds, fills)):
            args["slots"][slot][0] = str(seal_receipt(fill, price if fill else 0, seed, context))

    copy.change("Settled", edit, epoch=indexed.epoch)


def test_a_wrong_fill_is_found(indexed, copy):
    plant_outcome(copy, indexed, 500, 3, (3, 3))
    assert checked(copy, indexed, verify=False) == {"clearing", "fills"}
    assert "proof" in checked(copy, indexed)


def test_a_fill_that_only_one_receipt_shows_is_found(indexed, copy):
    plant_outcome(copy, indexed, 500, 4, (4, 3))
    found = examine(copy.record(), [indexed.key], 0, indexed.epoch, verify=False)
    assert {name for name, problems in found.problems.items() if problems} == {"opening", "fills"}
    assert any("slot 1 was given 3 lots, and the clearing gives 4" in problem for problem in found.found)


def test_a_wrong_price_is_found(indexed, copy):
    plant_outcome(copy, indexed, 499, 4, (4, 4))
    assert checked(copy, indexed, verify=False) == {"clearing"}


def test_a_wrong_fee_is_found(indexed, copy):
    """The seller's quote note without its fee: a note of two units more."""
    record, terms = copy.record(), copy.record().markets[0]
    line = examine(record, [indexed.key], 0, indexed.epoch, verify=False).lines[1]
    blinding = output_blindings(line.opened.salt, record.context(0, indexed.epoch).word)[1]
    record.leaves[line.positions[1]] = Note(int(terms.quote, 16), line.payment.quote + line.payment.fee, line.opened.owner, blinding).commitment
    found = examine(record, [indexed.key], 0, indexed.epoch, verify=False)
    assert found.found == [f"notes: slot 1: the quote note at {line.positions[1]} is not of what the order is due"]


def test_a_leaf_that_is_not_in_the_tree_is_found(indexed, copy):
    def edit(args: dict) -> None:
        args["leaves"][0] = str(int(args["leaves"][0]) + 1)

    record = copy.record()
    copy.change("Appended", edit, position=record.epochs[0, indexed.epoch].settlement.position)
    with pytest.raises(Diverged, match="another root"):
        copy.record()


def test_a_wrong_print_is_found(indexed, copy):
    copy.change("Printed", lambda args: args.update(price="501"))
    assert checked(copy, indexed) == {"print"}


def test_a_proof_of_another_thing_is_found(indexed, copy):
    """The last byte of the calldata is of the proof's digest or of a slot: no other byte verifies."""
    tx = copy.record().at("Market.Settled", 0, indexed.epoch).tx
    with copy.engine.begin() as connection:
        body = bytearray(connection.execute(text("SELECT input FROM transactions WHERE hash = :tx"), {"tx": tx}).scalar_one())
        body[-1] ^= 1
        connection.execute(text("UPDATE transactions SET input = :body WHERE hash = :tx"), {"body": bytes(body), "tx": tx})
    assert checked(copy, indexed) == {"proof"}


def test_an_unknown_credential_is_found(indexed, copy):
    record = copy.record()
    record._named["Credentials.LeavesSet"].clear()
    found = examine(record, [indexed.key], 0, indexed.epoch, verify=False)
    assert [name for name, problems in found.problems.items() if problems] == ["market"]


def test_an_index_of_something_else_is_refused(indexed, copy):
    with pytest.raises(AuditError, match="not of the deployment"):
        Index(copy.engine, replace(indexed.deployment, chain_id=1))
    with copy.engine.begin() as connection:
        connection.execute(text("UPDATE sync SET state = 'stopped', reason = 'the roots differ'"))
    with pytest.raises(AuditError, match="the roots differ"):
        Index(copy.engine, indexed.deployment)


# --- The clearing ---


def test_every_fill_of_any_book_is_worked_out_again():
    """Without the offset that the leader's key fixed: one is found that explains the fills."""
    chance, rationed = random.Random(6), 0
    for _ in range(400):
        book = [
            Terms(chance.choice([BUY, SELL]), chance.randint(1, 30), chance.choice([9, 10, 11])) if chance.random() < 0.9 else None
            for _ in range(chance.randint(1, 12))
        ]
        source = chance.getrandbits(OFFSET_BITS)
        ours = clear(book, 10, 5_000, source)
        theirs, offsets = rederive(book, ours.fills, 10, 5_000)
        assert (theirs.price, theirs.volume, theirs.fills) == (ours.price, ours.volume, ours.fills)
        assert offsets[0] <= ours.rationing.offset <= offsets[1]
        margin = [k for k, order in enumerate(book) if order and (order.side, order.price) == (ours.rationing.side, ours.clamped)]
        moved = [k for k in margin if ours.fills[k] >= 2]
        if len(margin) > 1 and moved:
            rationed += 1
            wrong = list(ours.fills)
            wrong[moved[0]] -= 2
            wrong[next(k for k in margin if k != moved[0])] += 2
            assert rederive(book, wrong, 10, 5_000)[1] is None, "two lots more than any offset gives"
    assert rationed > 50


# --- Of a period ---


@pytest.fixture(scope="module")
def found(indexed):
    engine = database.open(f"sqlite:///{indexed.file}")
    index = Index(engine, indexed.deployment)
    of = period.period(index, None, None, 2)
    yield audit(Record(index, of.last), [indexed.key], of)
    engine.dispose()


def test_a_period_is_of_whole_blocks(indexed, found):
    index = found.record.index
    assert found.period == period.Period(index.start_block - 1, index.block - 2)
    settled = found.examined[0].settled
    assert period.period(index, str(settled.block), str(settled.block), 2) == period.Period(settled.block - 1, settled.block)
    after = period.period(index, "2020-01-01", None, 2)
    assert after == found.period
    for begin, end, problem in (
        (None, "2999-01-01", "not past yet"), (None, str(index.block), "blocks deep"), ("yesterday", None, "neither a block nor a time"),
        ("2026-13-01", None, "no time"), (str(index.block), None, "no block"), (None, "2020-01-01", "no block"),
    ):  # fmt: skip
        with pytest.raises(AuditError, match=problem):
            period.period(index, begin, end, 2)
    outside = audit(Record(index, settled.block - 1), [], period.Period(found.period.after, settled.block - 1))
    assert outside.examined == () and outside.tables.rows["orders"] == []


def test_who_was_refused_and_why(story, found):
    rows = {(row["kind"], row["epoch"]): row for row in found.tables.rows["refusals"]}
    assert rows.keys() >= {("bond forfeited", story.settled), ("epoch failed", story.failed)}
    assert "did not settle in time" in rows["epoch failed", story.failed]["why"]
    assert [row["state"] for row in found.tables.rows["epochs"]][:2] == ["settled", "failed"]


def test_keys_by_version(found):
    keys = {(row["kind"], row["version"]): row for row in found.tables.rows["keys"]}
    assert list(keys)[:3] == [("auditor", 1), ("treasury", 1), ("reveal", 1)]
    assert [key for key, row in keys.items() if row["held"]] == [("auditor", 1)]
    assert keys["auditor", 1]["epochs"] == len([one for one in found.record.epochs.values() if one.auditor_version == 1]) >= 2


def test_lineage(story, indexed, found):
    record, line = found.record, found.examined[0].lines[0]
    position = line.positions[0]
    order = record.orders[line.quota_nullifier]
    spent = record.spent_by(line.committed.tx)
    names = (line.opened.oc, line.quota_nullifier, position, record.leaves[position], order.position, *spent)
    lineages = [findings.trace(record, [indexed.key], word) for word in names]
    assert all(one == lineages[0] for one in lineages)
    assert [step.what for step in lineages[0]] == ["committed", "revealed", "settled"]
    assert lineages[0][-1].says[f"base note {position}"].startswith("4000 of ")
    [fees] = findings.trace(record, [indexed.key], record.epochs[0, story.settled].settlement.position + 4)
    assert [text.split()[0] for text in fees.says.values()] == ["2", "2"]
    [moved] = findings.trace(record, [indexed.key], 0)
    assert moved.says["deposit"] == str(10**8)
    lost = next(one for one in record.orders.values() if one.epoch == story.failed)
    assert [step.what for step in findings.trace(record, [], lost.oc)] == ["committed", "revealed", "taken back"]
    with pytest.raises(AuditError, match="nothing up to block"):
        findings.trace(record, [indexed.key], 12345678901234567890)


# --- The report ---


@pytest.fixture(scope="module")
def written(story, found, tmp_path_factory):
    folder = tmp_path_factory.mktemp("reports") / "report"
    report.write(found, folder, story.world.accounts["auditor"])
    return folder


def test_a_report_is_the_same_bytes_again(story, indexed, found, written, tmp_path):
    engine = database.open(f"sqlite:///{indexed.file}")
    again = audit(Record(Index(engine, indexed.deployment), found.period.last), [indexed.key], found.period)
    report.write(again, tmp_path / "again", story.world.accounts["auditor"])
    engine.dispose()
    names = sorted(path.name for path in written.iterdir())
    assert names == sorted(path.name for path in (tmp_path / "again").iterdir()) and len(names) == 14
    for name in names:
        assert (written / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name


def test_a_report_is_verified_elsewhere(story, written):
    office = story.world.accounts["auditor"].address
    verified = report.verify(written, office)
    assert verified.manifest["fills"] == 2 and verified.manifest["problems"] == 0
    assert report.verify_references(written, verified, story.world.chain) == len(report.references(written)) >= 8
    with pytest.raises(report.ReportError, match="not by"):
        report.verify(written, story.world.accounts["stranger"].address)


def test_csv_and_parquet_say_the_same(written):
    for name in ("epochs", "orders", "checks", "refusals", "keys"):
        table = parquet.read_table(written / f"{name}.parquet").to_pylist()
        with (written / f"{name}.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert rows and rows == [
            {key: "" if value is None else str(value).lower() if isinstance(value, bool) else str(value) for key, value in row.items()}
            for row in table
        ]


def test_one_flipped_byte_anywhere_is_found(story, written, tmp_path):
    office, chance = story.world.accounts["auditor"].address, random.Random(6)
    for path in sorted(written.iterdir()):
        for at in (0, chance.randrange(path.stat().st_size - 1), path.stat().st_size - 2):
            folder = tmp_path / f"{path.name}.{at}"
            shutil.copytree(written, folder)
            body = bytearray(path.read_bytes())
            body[at] ^= 1
            (folder / path.name).write_bytes(body)
            with pytest.raises(report.ReportError):
                report.verify(folder, office)
            shutil.rmtree(folder)


def test_a_file_more_or_less_is_found(written, tmp_path):
    shutil.copytree(written, tmp_path / "report")
    (tmp_path / "report" / "more.csv").write_text("")
    with pytest.raises(report.ReportError, match="more.csv is not of the report"):
        report.verify(tmp_path / "report")
    (tmp_path / "report" / "more.csv").unlink()
    (tmp_path / "report" / "orders.csv").unlink()
    with pytest.raises(report.ReportError, match="orders.csv is missing"):
        report.verify(tmp_path / "report")
    with pytest.raises(report.ReportError, match="lacks manifest.json"):
        report.verify(tmp_path)


def test_a_signed_lie_about_the_chain_is_found(story, found, written, tmp_path):
    """Signed by the office itself, but of another log, block, time or signer than the chain's."""
    world = story.world
    for number, lie in enumerate(({"log_index": 0}, {"block": 1}, {"time": 1}, {"event": "Market.Failed"}, {"tx": "0x" + "11" * 32})):
        row = dict(found.tables.rows["orders"][0]) | lie
        shutil.copytree(written, folder := tmp_path / str(number))
        (folder / "orders.csv").write_bytes(tables.as_csv("orders", [row]))
        signed(folder, world.accounts["auditor"])
        with pytest.raises(report.ReportError, match="log"):
            report.verify_references(folder, report.verify(folder), world.chain)
    shutil.copytree(written, tmp_path / "stranger")
    signed(tmp_path / "stranger", world.accounts["stranger"])
    with pytest.raises(report.ReportError, match="account of no version"):
        report.verify_references(tmp_path / "stranger", report.verify(tmp_path / "stranger"), world.chain)


def signed(folder, account) -> None:
    """Sign a report's folder as it is now."""
    manifest = json.loads((folder / "manifest.json").read_text())
    files = {name: report._digest(folder / name) for name in manifest["files"]}
    words = json.dumps(manifest | {"files": files, "signer": account.address})
    (folder / "manifest.json").write_text(words)
    (folder / "manifest.sig").write_text(account.sign_message(encode_defunct(text=words)).signature.hex())


def test_a_report_is_written_to_a_new_folder_or_not_at_all(story, found, tmp_path, monkeypatch):
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "file").write_text("mine")
    with pytest.raises(report.ReportError, match="not empty"):
        report.write(found, tmp_path / "used", story.world.accounts["auditor"])
    monkeypatch.setattr(report.tables, "as_parquet", lambda name, rows: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        report.write(found, tmp_path / "half", story.world.accounts["auditor"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["used"]


# --- The log's anchors, and the commands ---


def test_the_log_is_anchored_on_chain(story, tmp_path):
    log, auditor = AccessLog(tmp_path / "log.sqlite"), story.world.accounts["auditor"]
    chain = new_branch(story)
    for count in (1, 2):
        log.append("auditor", auditor.address, "audit epoch", "0/1", "everything holds")
        receipt = anchors.anchor(chain, auditor, log)
        stated = anchors.anchors(chain, auditor.address)
        assert [(one.count, one.block) for one in stated][-1] == (count, receipt.block) and len(stated) == count
    assert anchors.verify(log, stated) == 2 and stated[-1].head == log.head()[1]
    assert anchors.anchors(chain, story.world.accounts["stranger"].address) == []
    with pytest.raises(Reverted, match="anchor: not longer than the last"):
        anchors.anchor(chain, auditor, log)
    other = AccessLog(tmp_path / "other.sqlite")
    other.append("auditor", auditor.address, "audit epoch", "0/1", "everything holds")
    with pytest.raises(LogBroken):
        anchors.anchor(chain, auditor, other)
    other.close()
    log.close()


@pytest.fixture
def command(story, indexed, tmp_path, monkeypatch):
    """Run `shadowpool audit …` on the auditor's machine: its keystores, the index, a log of its own."""
    monkeypatch.setenv(keystore.PASSWORD_VARIABLE, "a password of tests")
    story.world.deployment.save(tmp_path / "deployment.json")
    keystore.save(tmp_path / "key.json", keystore.Kind.ENCRYPTION, story.world.auditor.scalar, "a password of tests")
    office = int.from_bytes(story.world.accounts["auditor"].key, "big")
    keystore.save(tmp_path / "office.json", keystore.Kind.ACCOUNT, office, "a password of tests")
    monkeypatch.setenv("SHADOWPOOL_AUDITOR", str(tmp_path / "key.json"))
    monkeypatch.setenv("SHADOWPOOL_INDEX", f"sqlite:///{indexed.file}")
    monkeypatch.setenv("SHADOWPOOL_ACCESS_LOG", str(tmp_path / "log.sqlite"))

    def run(*arguments: str, refused: str = ""):
        whole = ["--rpc", story.url, "--deployment", str(tmp_path / "deployment.json"), "audit", *arguments, "--json"]
        done = CliRunner().invoke(app, whole)
        if refused:
            assert is_expected(done.exception) and refused in str(done.exception), done.exception
            return None
        assert done.exit_code == 0, (arguments, done.output, done.exception)
        return json.loads(done.stdout)

    return run


def test_commands_of_the_auditor(story, indexed, command, tmp_path):
    epoch = str(story.settled)
    opened = command("epoch", "0", epoch)
    assert opened == command("epoch", "0", epoch, "--from-chain"), "the index and the chain say the same"
    assert opened["problems"] == [] and [row["fill"] for row in opened["orders"]] == [4, 4]
    ash = story.world.traders["ash"]
    by_owner = command("trader", "--owner", str(ash.key.owner), "--confirmations", "2")
    assert by_owner == command("trader", "--credential", str(ash.credential.id), "--confirmations", "2") == opened["orders"][:1]
    assert [step["step"] for step in command("trace", opened["orders"][0]["oc"])] == ["committed", "revealed", "settled"]
    assert [row["held"] for row in command("keys")][:3] == [True, False, False]
    assert {row["kind"] for row in command("refused", "--confirmations", "2")} >= {"bond forfeited", "epoch failed"}
    made = command("report", str(tmp_path / "report"), "--office", str(tmp_path / "office.json"), "--confirmations", "2")
    assert (made["fills"], made["problems"]) == (2, 0)
    checked = command("verify-report", str(tmp_path / "report"), "--on-chain")
    assert checked["signer"] == story.world.accounts["auditor"].address and checked["places on the chain"] >= 8
    command("verify-report", str(tmp_path / "report"), refused="who must have signed")
    command("trader", refused="one of the two")
    command("epoch", "0", "99", refused="not settled")
    told = command("verify-log")
    log = AccessLog(tmp_path / "log.sqlite")
    outcomes = [(entry.action, entry.outcome) for entry in log.entries()]
    log.close()
    assert told["rows"] == len(outcomes) == told["rows that could be cut off unseen"]
    assert outcomes[:2] == [("audit epoch", "begun"), ("audit epoch", "everything holds")]
    assert outcomes[-1][0] == "audit epoch" and outcomes[-1][1].startswith("refused: epoch 99")
