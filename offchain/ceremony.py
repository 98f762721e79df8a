"""A key ceremony: from a public powers-of-tau file to a production key (Groth16, phase 2).

snarkjs, the reference implementation, does the arithmetic; this module keeps order. A ceremony
is one folder, which may travel from contributor to contributor:

    circuit.r1cs  powers.ptau  0000.zkey  0001.zkey …  vkey.json  transcript.json

The transcript alone says how far it is. A step writes under other names, checks what it wrote,
renames it, and is entered last: an interrupted step has not happened, and runs again.

The key is sound if one contributor of each phase forgot its secret (Bowe, Gabizon, Miers 2017,
"Scalable Multi-party Computation for zk-SNARK Parameters in the Random Beacon Model").
"""

import fcntl
import json
import os
import re
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from offchain import circuits, prover, snarkjs, transcript
from offchain.deployment import DEVELOPMENT_CHAIN_IDS, write_atomically
from offchain.paths import BUILD, NODE_MODULES
from offchain.statement import circuit_id
from offchain.transcript import (
    KEY,
    POWERS,
    R1CS,
    CeremonyError,
    Step,
    check_name,
    hash_bytes,
    hash_file,
    zkey_name,
)

FOLDER = BUILD / "ceremony"
"""Where `accept` looks for the ceremony of each circuit, by the circuit's name."""

TRANSCRIPT = "transcript.json"

PTAU_LAGRANGE = 12
"""The first section that a powers-of-tau file has once it is prepared for phase 2."""

# How snarkjs lists a contribution: its number and name, the hash in four lines, any beacon.
LISTED = re.compile(
    r"contribution #(\d+) (.*):\s*\n((?:\s+(?:[0-9a-f]{8} ?){4}\n){4})"
    r"(?:.*Beacon generator: ([0-9a-f]+)\n.*Beacon iterations Exp: (\d+)\n)?"
)

Report = Callable[[str], None]


def quiet(line: str) -> None:
    """Tells nobody."""


class Ceremony:
    """The ceremony in a folder; `report` is given a line as each part of a step begins or ends."""

    def __init__(self, folder: Path, report: Report = quiet):
        self.folder, self.report = folder, report
        self.circuit = ""
        self.steps: list[Step] = []
        self._read()

    @property
    def files(self) -> dict[str, str]:
        """Every file made so far, and its hash."""
        return {name: digest for step in self.steps for name, digest in step.makes.items()}

    @property
    def contributions(self) -> list[Step]:
        return [step for step in self.steps if step.kind in ("contribute", "beacon")]

    @property
    def state(self) -> str:
        """The kind of the last step; "new" where there is none."""
        return self.steps[-1].kind if self.steps else "new"

    @property
    def zkey(self) -> Path:
        """The newest key."""
        return self.folder / zkey_name(len(self.contributions))

    @property
    def circuit_id(self) -> str:
        """0x and 64 digits; CeremonyError before the ceremony is finished."""
        if self.state != "finish":
            raise CeremonyError(f"the ceremony in {self.folder} is not finished: see `status`")
        return self.steps[-1].says["circuit_id"]

    # --- Steps ---

    def start(self, circuit: str, r1cs: Path, ptau: Path) -> None:
        """Take in the circuit and the powers of tau, check them, and make the first key.

        A file that is not prepared for phase 2 is prepared, which takes long. Goes on where it
        was interrupted. CeremonyError if either file is unfit, or the folder holds another ceremony.
        """
        check_name(circuit)
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._turn():
            given = {"r1cs": hash_file(r1cs), "ptau": hash_file(ptau)}
            if not self.steps:
                self.circuit = circuit
                self._step("open", given, (R1CS, POWERS), lambda r, p: self._open(r1cs, ptau, r, p))
            elif (self.circuit, self.steps[0].takes) != (circuit, given):
                raise CeremonyError(f"{self.folder} holds a ceremony of {self.circuit} from other files; use another")
            if self.state == "open":
                self._step("setup", self._taken(R1CS, POWERS), (zkey_name(0),), self._setup)

    def contribute(self, name: str, entropy: str = "") -> str:
        """Mix a fresh secret into the key, and forget it. The contribution's hash: a receipt.

        The secret comes of the system's random source, here and in snarkjs, and of `entropy`;
        it goes through a pipe. `name` is public.
        """
        check_name(name)
        secret = hash_bytes(secrets.token_bytes(64) + entropy.encode())
        return self._contribute("contribute", name, ("contribute",), (), secret + "\n", {})

    def beacon(self, name: str, value: str, iterations: int) -> str:
        """Close the contributions with a public random value that nobody could foresee.

        `value` is hexadecimal (at least 16 bytes), hashed 2^`iterations` times (10 to 63); `name`
        should tell where it was published. At least one contribution must come first.
        """
        check_name(name)
        if not re.fullmatch(r"([0-9a-f]{2}){16,255}", value):
            raise CeremonyError("the beacon must be 16 to 255 bytes in lower-case hexadecimal, without 0x")
        if not 10 <= iterations <= 63:
            raise CeremonyError("the beacon's iterations are an exponent of two from 10 to 63")
        if not self.contributions:
            raise CeremonyError("a beacon closes contributions, and there is none yet: contribute first")
        says = {"beacon": value, "iterations": str(iterations)}
        return self._contribute("beacon", name, ("beacon",), (value, str(iterations)), "", says)

    def finish(self) -> str:
        """Verify everything and write the verification key; the circuit id."""
        with self._turn():
            self._expect("beacon")
            self._verify()
            self._step("finish", self._taken(self.zkey.name), (KEY,), self._export)
        return self.circuit_id

    def verify(self) -> None:
        """Check it all again from the circuit, the powers of tau and the newest key.

        CeremonyError names what does not fit: the transcript's links, a file's hash, the powers
        of tau, the key, a contribution, the verification key.
        """
        with self._turn():
            self._verify()

    def install(self) -> None:
        """Put the finished key where proofs and deployments take it from."""
        identity = self.circuit_id
        if hash_file(circuits.file(self.circuit, "r1cs")) != self.files[R1CS]:
            raise CeremonyError(f"build/circuits holds another compilation of {self.circuit} than the ceremony's")
        for source, end in ((self.zkey, "zkey"), (self.folder / KEY, "vkey.json")):
            target = circuits.file(self.circuit, end)
            partial = target.with_name(f".{target.name}.partial")
            shutil.copyfile(source, partial)
            _settle(partial, target)
        self.report(f"{self.circuit}: key {identity} is in {circuits.FOLDER}")

    # --- What steps do; each writes to the paths it is given and returns what the entry says ---

    def _open(self, r1cs: Path, ptau: Path, r1cs_out: Path, ptau_out: Path) -> dict:
        shutil.copyfile(r1cs, r1cs_out)
        if PTAU_LAGRANGE in _sections(ptau):
            shutil.copyfile(ptau, ptau_out)
        else:
            self._snarkjs("prepare the powers of tau", "powersoftau", "prepare", "phase2", ptau, ptau_out)
        self._check_powers(ptau_out)
        return {}

    def _setup(self, out: Path) -> dict:
        made = "Circuit hash"
        self._snarkjs("first key", "groth16", "setup", self.folder / R1CS, self.folder / POWERS, out, proof=made)
        return {}

    def _contribute(self, kind: str, name: str, command: tuple, args: tuple, stdin: str, says: dict) -> str:
        with self._turn():
            self._expect("setup", "contribute")
            before, count = self.zkey, len(self.contributions) + 1

            def run(out: Path) -> dict:
                text = self._snarkjs(
                    f"{kind} {count}", "zkey", *command, before, out, *args, f"-n={name}",
                    proof="Contribution Hash", stdin=stdin,
                )  # fmt: skip
                held = prover.info(out)["contributions"]
                if held != count:
                    raise CeremonyError(f"snarkjs wrote a key of {held} contributions, not {count}; run the step again")
                return says | {"contribution": _hex(text.partition("Contribution Hash")[2])}

            self._step(kind, self._taken(before.name), (zkey_name(count),), run, name)
        return self.steps[-1].says["contribution"]

    def _export(self, out: Path) -> dict:
        self._snarkjs("verification key", "zkey", "export", "verificationkey", self.zkey, out)
        return {"circuit_id": self._identity(out)}

    # --- Verification ---

    def _verify(self) -> None:
        self._expect("setup", "contribute", "beacon", "finish")
        for name, digest in self.files.items():
            # A key that later ones replaced may be gone; the newest accounts for all contributions.
            if (self.folder / name).exists() or not name.endswith(".zkey") or name == self.zkey.name:
                self._check_file(name, digest)
        self._check_powers(self.folder / POWERS)
        paths = (self.folder / R1CS, self.folder / POWERS, self.zkey)
        text = self._snarkjs("verify the key", "zkey", "verify", *paths, proof="ZKey Ok!")
        told = [_told(place, step) for place, step in enumerate(self.contributions, 1)]
        if told != _listed(text):
            raise CeremonyError(f"the contributions in {self.zkey.name} are not those of the transcript: do not use it")
        if self.state == "finish" and self._identity(self.folder / KEY) != self.circuit_id:
            raise CeremonyError(f"{KEY} is not the key that the transcript names: do not use it")

    def _check_powers(self, path: Path) -> None:
        self._snarkjs("verify the powers of tau", "powersoftau", "verify", path, proof="Powers of Tau Ok!")

    def _identity(self, vkey: Path) -> str:
        """The circuit id of a verification key that is the newest zkey's, and no development key."""
        told, words = prover.info(self.zkey), _words(vkey)
        if told["development"]:
            raise CeremonyError("this is a development key: no ceremony makes one")
        if told["circuitId"] != "0x" + circuit_id(words).hex():
            raise CeremonyError(f"{vkey.name} does not belong to {self.zkey.name}")
        return told["circuitId"]

    # --- The folder ---

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """The folder for ourselves, and its state as it is now."""
        if not self.folder.is_dir():
            raise CeremonyError(f"there is no ceremony in {self.folder}: start one")
        handle = os.open(self.folder, os.O_RDONLY)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise CeremonyError(f"another step runs in {self.folder}; wait for it") from None
            self._read()
            for left in self.folder.glob(".*.partial"):
                left.unlink()
            yield
        finally:
            os.close(handle)

    def _step(self, kind: str, takes: dict, makes: tuple[str, ...], run: Callable[..., dict], name: str = "") -> None:
        for file, digest in takes.items():
            if file in self.files:
                self._check_file(file, digest)
        partial = {file: self.folder / f".{file}.partial" for file in makes}
        try:
            says = run(*partial.values())
            made = {file: hash_file(path) for file, path in partial.items()}
            for file, path in partial.items():
                _settle(path, self.folder / file)
        finally:
            for path in partial.values():
                path.unlink(missing_ok=True)
        date = datetime.now(UTC).isoformat(timespec="seconds")
        step = Step(kind, name, takes, made, says, date, _tools(), "")
        before = self.steps[-1].link if self.steps else self.circuit
        step = Step(**asdict(step) | {"link": step.linked(before)})
        rows = [asdict(row) for row in (*self.steps, step)]
        text = json.dumps({"circuit": self.circuit, "steps": rows}, indent=1)
        write_atomically(self.folder / TRANSCRIPT, text + "\n")
        self.steps.append(step)

    def _read(self) -> None:
        path = self.folder / TRANSCRIPT
        if path.exists():
            self.circuit, self.steps = transcript.read(path)

    def _taken(self, *names: str) -> dict[str, str]:
        return {name: self.files[name] for name in names}

    def _check_file(self, name: str, digest: str) -> None:
        if hash_file(self.folder / name) != digest:
            raise CeremonyError(f"{self.folder / name} is not the file of the transcript: restore it")

    def _expect(self, *states: str) -> None:
        if self.state not in states:
            raise CeremonyError(f"this step comes after {' or '.join(states)}; the ceremony is at: {self.state}")

    def _snarkjs(self, what: str, *args: str | Path, proof: str = "", stdin: str = "") -> str:
        """Run snarkjs; its exit code alone proves nothing, `proof` must stand in what it says."""
        self.report(f"{what} …")
        begun = time.monotonic()
        code, text = snarkjs.run(*args, stdin=stdin)
        if code != 0 or "[ERROR]" in text or proof not in text:
            why = [line.strip() for line in text.splitlines() if "ERROR" in line or "INVALID" in line]
            raise CeremonyError(f"{what}: snarkjs refused it: {why[0] if why else f'exit code {code}'}")
        self.report(f"{what}: {time.monotonic() - begun:.1f} s")
        return text


def accept(circuit: str, chain_id: int, folder: Path = FOLDER, report: Report = quiet) -> circuits.Circuit:
    """The built circuit, if its key may be deployed on a chain; CeremonyError if not.

    A chain outside DEVELOPMENT_CHAIN_IDS takes only the key of a finished ceremony, kept in
    `folder`/CIRCUIT, which is verified here from the circuit as built and the powers of tau; `report` as Ceremony's.
    """
    built = circuits.load(circuit)
    if chain_id in DEVELOPMENT_CHAIN_IDS:
        return built
    where = f"chain {chain_id} is no development chain, and takes only the key of a verified ceremony"
    if list(built.verification_key[:2]) == prover.development_alpha():
        raise CeremonyError(f"{where}; that of {circuit} is a development key: run `shadowpool ceremony`")
    ceremony = Ceremony(folder / circuit, lambda line: report(f"{circuit}: {line}"))
    if ceremony.state != "finish" or ceremony.circuit != circuit:
        raise CeremonyError(f"{where}; {folder / circuit} holds no finished one of {circuit}")
    ceremony.verify()
    used = {end: hash_file(circuits.file(circuit, end)) for end in ("r1cs", "zkey")}
    if used != {"r1cs": ceremony.files[R1CS], "zkey": ceremony.files[ceremony.zkey.name]}:
        raise CeremonyError(f"{where}; the files of {circuit} in {circuits.FOLDER} are not those of its ceremony")
    if "0x" + built.id.hex() != ceremony.circuit_id:
        raise CeremonyError(f"{where}; the verification key of {circuit} is not that of its ceremony")
    return built


def _told(place: int, step: Step) -> tuple:
    """A step as `_listed` would give it."""
    return place, step.name, step.says["contribution"], step.says.get("beacon", ""), step.says.get("iterations", "")


def _listed(text: str) -> list[tuple]:
    """(number, name, hash, beacon, iterations) of every contribution that snarkjs found in a key."""
    return sorted((int(n), name, _hex(lines), *beacon) for n, name, lines, *beacon in LISTED.findall(text))


def _hex(text: str) -> str:
    """The hash of 64 bytes that snarkjs printed in groups of eight digits."""
    groups = re.findall(r"\b[0-9a-f]{8}\b", text)[:16]
    if len(groups) != 16:
        raise CeremonyError("snarkjs printed no contribution hash; is it the pinned version?")
    return "".join(groups)


def _words(vkey: Path) -> list[int]:
    try:
        return circuits.verification_words(json.loads(vkey.read_text()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise CeremonyError(f"{vkey} is no verification key ({error})") from None


def _sections(ptau: Path) -> set[int]:
    """The sections of an iden3 file; CeremonyError if it is no powers-of-tau file, or cut off."""
    size, found, at = ptau.stat().st_size, set(), 12
    with ptau.open("rb") as file:
        if file.read(4) != b"ptau":
            raise CeremonyError(f"{ptau} is no powers-of-tau file: take a .ptau in snarkjs's format")
        while at < size:
            file.seek(at)
            head = file.read(12)
            found.add(int.from_bytes(head[:4], "little"))
            at += 12 + int.from_bytes(head[4:], "little")
    if at != size:
        raise CeremonyError(f"{ptau} does not end where its last section does: fetch it again")
    return found


def _tools() -> dict[str, str]:
    package = json.loads((NODE_MODULES / "snarkjs" / "package.json").read_text())
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True)
    return {"snarkjs": package["version"], "node": node.stdout.strip()}


def _settle(partial: Path, target: Path) -> None:
    """Let a complete file take its name, on disk before it does."""
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(partial, target)
