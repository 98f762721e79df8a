"""A whole ceremony on the smallest circuit: what it makes proves. What is spoilt is refused."""

import json
import os
import shutil
import signal
import time

import pytest
from typer.testing import CliRunner

from offchain import circuits, prover, snarkjs
from offchain.ceremony import Ceremony, accept
from offchain.chain import Chain
from offchain.claims import Print
from offchain.deployment import Deployment
from offchain.statement import circuit_id, statement
from offchain.transcript import CeremonyError, hash_file
from scripts import contracts
from scripts.circuits import build
from scripts.cli.app import app
from scripts.deploy import CIRCUITS, _Deployer
from tests.ceremony.conftest import BEACON, TINY, command, edit, launch, powers
from tests.world import account, anvil

PRODUCTION, DEVELOPMENT = 1, 31337
pytestmark = pytest.mark.timeout(900)


def test_whole_on_the_smallest_circuit(tmp_path):
    """From powers of tau to a key that proves, in our prover and in snarkjs, and may be deployed."""
    rows = build()
    name = min(rows, key=lambda name: rows[name]["constraints"])
    assert name == "print" and rows[name]["constraints"] < 1 << 10
    made = Ceremony(tmp_path / name)
    made.start(name, circuits.file(name, "r1cs"), powers(10))
    receipts = [made.contribute(who) for who in ("alder", "birch")]
    made.beacon("beacon of the test", BEACON, 10)
    identity = made.finish()
    assert [step.says["contribution"] for step in made.contributions[:2]] == receipts

    words = circuits.verification_words(json.loads((made.folder / "vkey.json").read_text()))
    assert identity == made.circuit_id == "0x" + circuit_id(words).hex()
    info = prover.info(made.zkey)
    assert info["development"] is False and info["contributions"] == 3 and info["circuitId"] == identity
    assert prover.info(circuits.file(name, "zkey"))["development"] is True

    d, inputs = Print(7, 9, 11).assemble()
    stated = statement(d, circuit_id(words), PRODUCTION, 5)
    proof = prover.prove(made.zkey, circuits.witness(name, stated, inputs))
    assert list(proof.publics) == stated.publics
    assert prover.verify(made.folder / "vkey.json", proof)
    assert snarkjs.verify(made.folder / "vkey.json", proof)
    assert not prover.verify(circuits.file(name, "vkey.json"), proof)


class TestTold:
    def test_the_transcript_tells_everything(self, finished, ptau, r1cs):
        made = Ceremony(finished)
        assert [step.kind for step in made.steps] == "open setup contribute contribute beacon finish".split()
        assert [step.name for step in made.contributions] == ["alder", "birch", "beacon of the test"]
        assert made.steps[0].takes == {"r1cs": hash_file(r1cs), "ptau": hash_file(ptau)}
        for name, digest in made.files.items():
            assert hash_file(finished / name) == digest
        assert made.steps[4].says["beacon"] == BEACON and made.steps[4].says["iterations"] == "10"
        assert all(step.date and step.tools["snarkjs"] for step in made.steps)

    def test_verify_and_status_by_the_command_line(self, finished):
        assert "3 contributions, at: finish; all verified" in command("verify", "--dir", finished)
        told = json.loads(command("status", "--dir", finished, "--json"))
        assert told["state"] == "finish" and len(told["steps"]) == 6
        assert "birch" in command("status", "--dir", finished)

    def test_the_same_secret_is_not_drawn_twice(self, opened, tmp_path):
        receipts = set()
        for name in ("one", "two"):
            shutil.copytree(opened, tmp_path / name)
            receipts.add(Ceremony(tmp_path / name).contribute("alder", "the same text"))
        assert len(receipts) == 2

    def test_replaced_keys_may_be_gone(self, copy):
        (copy / "0001.zkey").unlink()
        Ceremony(copy).verify()


class TestOrder:
    """Steps in another order are refused, and change nothing."""

    @pytest.mark.parametrize(
        ("args", "text"),
        [
            (("beacon", "--name", "b", "--hash", BEACON), "contribute first"),
            (("finish",), "comes after beacon"),
            (("beacon", "--name", "b", "--hash", "xyz"), "hexadecimal"),
            (("beacon", "--name", "b", "--hash", BEACON, "--iterations", "9"), "from 10 to 63"),
            (("contribute", "--name", "two\nlines"), "a name has"),
        ],
    )
    def test_before_a_contribution(self, opened, args, text):
        assert text in command(*args, "--dir", opened, code=1)
        assert Ceremony(opened).state == "setup"

    def test_after_the_end(self, finished):
        for step in (lambda c: c.contribute("late"), lambda c: c.beacon("late", BEACON, 10), Ceremony.finish):
            with pytest.raises(CeremonyError, match="the ceremony is at: finish"):
                step(Ceremony(finished))

    def test_no_ceremony_here(self, tmp_path):
        for step in ("verify", "finish"):
            assert "there is no ceremony" in command(step, "--dir", tmp_path / "none", code=1)
        assert not (tmp_path / "none").exists()

    def test_one_step_at_a_time(self, copy):
        made = Ceremony(copy)
        with made._turn(), pytest.raises(CeremonyError, match="another step runs"):
            Ceremony(copy).verify()


class TestPowers:
    def test_a_file_not_prepared_is_prepared(self, raw_ptau, ptau, r1cs, tmp_path):
        made = Ceremony(tmp_path / "raw")
        made.start(TINY, r1cs, raw_ptau)
        assert made.steps[0].takes["ptau"] == hash_file(raw_ptau)
        assert made.files["powers.ptau"] == hash_file(ptau)

    def test_too_small(self, ptau, tmp_path):
        build(["print"])
        with pytest.raises(CeremonyError, match="circuit too big"):
            Ceremony(tmp_path / "small").start("print", circuits.file("print", "r1cs"), ptau)

    def test_damaged(self, ptau, r1cs, tmp_path):
        data = bytearray(ptau.read_bytes())
        data[len(data) // 2] ^= 1
        (tmp_path / "bad.ptau").write_bytes(data)
        with pytest.raises(CeremonyError, match="verify the powers of tau"):
            Ceremony(tmp_path / "bad").start(TINY, r1cs, tmp_path / "bad.ptau")
        assert Ceremony(tmp_path / "bad").state == "new"

    def test_nobody_contributed(self, raw_ptau, r1cs, tmp_path):
        with pytest.raises(CeremonyError, match="prepare|verify"):
            Ceremony(tmp_path / "new").start(TINY, r1cs, raw_ptau.with_name(raw_ptau.name.replace("raw", "new")))

    def test_no_such_file(self, r1cs, tmp_path):
        for wrong in (tmp_path / "none.ptau", r1cs):
            with pytest.raises(CeremonyError, match="cannot be read|no powers-of-tau file"):
                Ceremony(tmp_path / "c").start(TINY, r1cs, wrong)

    def test_other_files_than_it_was_started_with(self, opened, raw_ptau, r1cs):
        with pytest.raises(CeremonyError, match="from other files"):
            Ceremony(opened).start(TINY, r1cs, raw_ptau)

    def test_replaced_later(self, copy, raw_ptau):
        shutil.copy(raw_ptau, copy / "powers.ptau")
        with pytest.raises(CeremonyError, match="powers.ptau is not the file of the transcript"):
            Ceremony(copy).verify()


class TestSpoilt:
    @pytest.mark.parametrize(
        "change",
        [
            lambda steps: steps[2].update(name="mallory"),
            lambda steps: steps[3].update(date="2020-01-01T00:00:00+00:00"),
            lambda steps: steps.pop(2),
            lambda steps: steps[4]["says"].update(iterations="20"),
            lambda steps: steps[0]["takes"].update(ptau="00" * 64),
        ],
    )
    def test_transcript_edited(self, copy, change):
        edit(copy, change)
        with pytest.raises(CeremonyError, match="no sound transcript"):
            Ceremony(copy)

    @pytest.mark.parametrize(
        "change",
        [
            lambda steps: steps[2].update(name="mallory"),
            lambda steps: steps[3]["says"].update(contribution="00" * 64),
            lambda steps: steps[4]["says"].update(beacon="5d" * 32),
        ],
    )
    def test_transcript_edited_with_links_that_fit(self, copy, change):
        edit(copy, change, relink=True)
        with pytest.raises(CeremonyError, match="not those of the transcript"):
            Ceremony(copy).verify()

    def test_contribution_dropped(self, copy):
        """The coordinator goes on from before the second contribution, and forges its entry's place."""
        honest = Ceremony(copy)
        forged = copy.parent / "forged"
        shutil.copytree(copy, forged)
        edit(forged, lambda steps: steps.__delitem__(slice(3, None)))
        without = Ceremony(forged)
        without.beacon("beacon of the test", BEACON, 10)
        shutil.copy(without.zkey, honest.zkey)
        (copy / "vkey.json").unlink()
        digest = hash_file(honest.zkey)

        def claim(steps):
            del steps[5]
            steps[4]["makes"] = {"0003.zkey": digest}

        edit(copy, claim, relink=True)
        with pytest.raises(CeremonyError, match="not those of the transcript"):
            Ceremony(copy).verify()

    def test_development_key_passed_off(self, built, opened, tmp_path):
        """Its contribution is real, its powers are not those of the ceremony."""
        folder = tmp_path / "c"
        shutil.copytree(opened, folder)
        shutil.copy(circuits.file(TINY, "zkey"), folder / "0000.zkey")
        digest = hash_file(folder / "0000.zkey")
        edit(folder, lambda steps: steps[1].update(makes={"0000.zkey": digest}), relink=True)
        Ceremony(folder).contribute("alder")
        with pytest.raises(CeremonyError, match="INVALID"):
            Ceremony(folder).verify()

    @pytest.mark.parametrize("name", ["0001.zkey", "0003.zkey", "vkey.json", "circuit.r1cs"])
    def test_file_damaged(self, copy, name):
        data = bytearray((copy / name).read_bytes())
        data[-1] ^= 1
        (copy / name).write_bytes(data)
        with pytest.raises(CeremonyError, match=f"{name} is not the file of the transcript"):
            Ceremony(copy).verify()

    def test_verification_key_of_another_key(self, built, copy):
        shutil.copy(circuits.file(TINY, "vkey.json"), copy / "vkey.json")
        digest = hash_file(copy / "vkey.json")
        edit(copy, lambda steps: steps[5].update(makes={"vkey.json": digest}), relink=True)
        with pytest.raises(CeremonyError, match="does not belong"):
            Ceremony(copy).verify()


def lingering(folder):
    """An environment where node does not come back from a contribution: what it wrote is not taken meanwhile."""
    folder.mkdir()
    script, real = folder / "node", shutil.which("node")
    script.write_text(f'#!/bin/sh\n"{real}" "$@"; code=$?\ncase "$*" in *contribute*) sleep 900;; esac\nexit $code\n')
    script.chmod(0o755)
    return os.environ | {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


class TestInterrupted:
    def test_killed_while_it_writes(self, opened, tmp_path):
        folder = tmp_path / "c"
        shutil.copytree(opened, folder)
        process = launch("contribute", "--name", "alder", "--dir", folder, env=lingering(tmp_path / "bin"))
        partial = folder / ".0001.zkey.partial"
        while not partial.exists():
            assert process.poll() is None, process.communicate()
            time.sleep(0.002)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert Ceremony(folder).state == "setup" and not (folder / "0001.zkey").exists()
        Ceremony(folder).contribute("alder")
        assert not partial.exists() and prover.info(folder / "0001.zkey")["contributions"] == 1

    def test_a_file_without_its_entry_is_not_taken(self, built, opened, tmp_path):
        """As after a kill between the renaming and the transcript."""
        folder = tmp_path / "c"
        shutil.copytree(opened, folder)
        shutil.copy(circuits.file(TINY, "zkey"), folder / "0001.zkey")
        Ceremony(folder).contribute("alder")
        assert prover.info(folder / "0001.zkey")["development"] is False
        assert hash_file(folder / "0001.zkey") == Ceremony(folder).files["0001.zkey"]

    def test_start_goes_on_after_the_powers(self, opened, ptau, r1cs, tmp_path):
        folder = tmp_path / "c"
        shutil.copytree(opened, folder)
        edit(folder, lambda steps: steps.pop())
        (folder / "0000.zkey").unlink()
        lines = []
        made = Ceremony(folder, lines.append)
        made.start(TINY, r1cs, ptau)
        assert made.state == "setup" and not any("powers" in line for line in lines)
        assert made.files == Ceremony(opened).files


class TestGate:
    """Which keys a deployment takes."""

    def test_development_chains_take_any_key(self, built):
        assert accept(TINY, DEVELOPMENT) == circuits.load(TINY)

    def test_a_development_key_goes_nowhere_else(self, built, finished):
        for chain_id in (PRODUCTION, 1338, 0):
            with pytest.raises(CeremonyError, match="development key"):
                accept(TINY, chain_id, finished.parent)

    def test_a_ceremony_key_goes_anywhere(self, built, finished):
        Ceremony(finished).install()
        said = []
        accepted = accept(TINY, PRODUCTION, finished.parent, said.append)
        assert said and all(line.startswith(f"{TINY}: ") for line in said)
        assert "0x" + accepted.id.hex() == Ceremony(finished).circuit_id
        assert not list(built.glob(".*"))

    def test_not_without_its_ceremony(self, built, finished, opened, tmp_path):
        Ceremony(finished).install()
        shutil.copytree(opened, tmp_path / "unfinished" / TINY)
        for folder in (tmp_path / "none", tmp_path / "unfinished"):
            with pytest.raises(CeremonyError, match="no finished one"):
                accept(TINY, PRODUCTION, folder)

    def test_not_where_verification_fails(self, built, copy):
        Ceremony(copy).install()
        edit(copy, lambda steps: steps[2].update(name="mallory"), relink=True)
        with pytest.raises(CeremonyError, match="not those of the transcript"):
            accept(TINY, PRODUCTION, copy.parent)

    @pytest.mark.parametrize(("end", "text"), [("zkey", "are not those"), ("r1cs", "are not those")])
    def test_not_other_files(self, built, finished, monkeypatch, end, text):
        Ceremony(finished).install()
        with (built / f"{TINY}.{end}").open("ab") as file:
            file.write(b"\0")
        monkeypatch.setattr(Ceremony, "verify", lambda self: None)
        with pytest.raises(CeremonyError, match=text):
            accept(TINY, PRODUCTION, finished.parent)

    def test_not_another_verification_key(self, built, finished, monkeypatch):
        Ceremony(finished).install()
        path = built / f"{TINY}.vkey.json"
        key = json.loads(path.read_text())
        key["vk_delta_2"] = key["vk_gamma_2"]
        path.write_text(json.dumps(key))
        monkeypatch.setattr(Ceremony, "verify", lambda self: None)
        with pytest.raises(CeremonyError, match="verification key"):
            accept(TINY, PRODUCTION, finished.parent)

    def test_installed_only_for_the_same_circuit(self, built, finished):
        (built / f"{TINY}.r1cs").write_bytes(b"another")
        with pytest.raises(CeremonyError, match="another compilation"):
            Ceremony(finished).install()


class TestDeployment:
    """`shadowpool market deploy` on a chain where money is; the smallest circuit stands for every other."""

    OFFICES = {role: account(index).address for index, role in enumerate(("governor", "guardian", "issuer"), 1)}

    @pytest.fixture
    def kept(self, built, finished, tmp_path, monkeypatch):
        """The folder of ceremonies: the same one under every circuit's name."""
        for name in (*CIRCUITS, "settle_8"):
            for path in built.glob(f"{TINY}.*"):
                shutil.copy(path, built / path.name.replace(TINY, name, 1))
            shutil.copytree(finished, tmp_path / "kept" / name)
            edit(tmp_path / "kept" / name, lambda steps: None, relink=True, circuit=name)
            Ceremony(tmp_path / "kept" / name).install()
        monkeypatch.setattr(accept, "__defaults__", (tmp_path / "kept", *accept.__defaults__[1:]))
        return tmp_path / "kept"

    @pytest.fixture
    def chain(self):
        contracts.build()
        with anvil(chain_id=999) as url:
            yield Chain(url)

    def file(self, folder, chain) -> str:
        """A file as a governor writes it, of two tokens that are there."""
        maker, tokens = _Deployer(chain, account(0)), {"USD": 6, "STAKE": 18}
        places = {symbol: maker.create("Token", symbol, symbol, decimals) for symbol, decimals in tokens.items()}
        maker.settle()
        lines = [f'{role} = "{address}"' for role, address in self.OFFICES.items()]
        lines += [f"feeders = {json.dumps([account(index).address for index in (4, 5, 6)])}", "settle_sizes = [8]"]
        lines += ["[parameters]", "governor_delay = 7_200", "unbonding_blocks = 50_400", "key_max_age = 86_400"]
        lines += ["snapshot_lag = 4", f"epoch_stake = {10**20}", f"bounty = {4 * 10**18}", "[oracle]", "quorum = 3"]
        lines += ["[tokens]", *(f'{symbol} = "{address}"' for symbol, address in places.items())]
        (folder / "deploy.toml").write_text("\n".join(lines))
        return str(folder / "deploy.toml")

    def test_by_its_governor_s_file_with_ceremony_keys(self, kept, chain, finished, tmp_path, monkeypatch):
        monkeypatch.setenv("SHADOWPOOL_KEY", account(0).key.hex())
        out, config = tmp_path / "deployment.json", self.file(tmp_path, chain)

        def deploy(*options):
            root = ["--rpc", chain.rpc_url, "--deployment", str(out), "market", "deploy"]
            return CliRunner().invoke(app, [*root, *options])

        head = chain.head()
        (kept / CIRCUITS[0]).rename(tmp_path / "elsewhere")
        for options, reason in (((), "name its tokens"), (("--config", config), "holds no finished one of transact")):
            assert reason in str(deploy(*options).exception)
        assert chain.head() == head and not out.exists()

        (tmp_path / "elsewhere").rename(kept / CIRCUITS[0])
        done = deploy("--config", config)
        assert done.exit_code == 0, (done.output, done.exception)
        assert f"{CIRCUITS[0]}: " in done.output, "how far the verification is"
        made = Deployment.load(out)
        assert {symbol: token.decimals for symbol, token in made.tokens.items()} == {"USD": 6, "STAKE": 18}
        assert {entry.circuit_id for entry in made.verifiers.values()} == {Ceremony(finished).circuit_id}
        there = Chain(chain.rpc_url, made)
        for contract, view, value in (
            ("Governor", "admin", self.OFFICES["governor"]), ("Governor", "delay", 7_200), ("Oracle", "quorum", 3),
            ("Oracle", "feeder_count", 3), ("Oracle", "lifetime", 300), ("Relayers", "bounty", 4 * 10**18),
            ("Credentials", "issuer", self.OFFICES["issuer"]), ("Pool", "guardian", self.OFFICES["guardian"]),
        ):  # fmt: skip
            assert there.call(there.contract(contract).functions[view]()) == value, view
