"""Where a deployment lives on its chain, as one JSON file without secrets."""

import json
import os
import re
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from eth_utils import is_checksum_address

DEVELOPMENT_CHAIN_IDS = frozenset({1337, 31337, 31888})
"""The only chains on which keys of a development set-up may be deployed."""

CONTRACTS = ("Pool", "Market", "Relayers", "Keys", "Credentials", "Oracle", "Governor", "StakeToken")


class DeploymentError(Exception):
    """A deployment cannot be made, read or trusted; the message says why and what to do."""


@dataclass(frozen=True)
class CircuitEntry:
    """A circuit's verifier and the identity of the key it holds (32 bytes as hex)."""

    address: str
    circuit_id: str

    @property
    def id(self) -> bytes:
        return bytes.fromhex(self.circuit_id.removeprefix("0x"))


@dataclass(frozen=True)
class Token:
    address: str
    decimals: int

    @property
    def word(self) -> int:
        """The asset as a word of a statement."""
        return int(self.address, 16)


@dataclass(frozen=True)
class Deployment:
    """Addresses by contract name, verifiers by circuit name, tokens by symbol."""

    chain_id: int
    start_block: int
    contracts: dict[str, str]
    verifiers: dict[str, CircuitEntry]
    tokens: dict[str, Token]

    @property
    def pool(self) -> int:
        """The pool's address as a word: every statement binds it."""
        return int(self.contracts["Pool"], 16)

    @property
    def settle_sizes(self) -> list[int]:
        """Slots of the deployed settle circuits, ascending."""
        return sorted(int(name.removeprefix("settle_")) for name in self.verifiers if name.startswith("settle_"))

    def asset(self, symbol: str) -> int:
        """A token's word; DeploymentError naming the known symbols if it is not one."""
        if symbol not in self.tokens:
            raise DeploymentError(f"no token {symbol!r} here; known: {', '.join(sorted(self.tokens))}")
        return self.tokens[symbol].word

    def save(self, path: Path) -> None:
        write_atomically(path, json.dumps(asdict(self), indent=2, sort_keys=True) + "\n")

    @classmethod
    def load(cls, path: Path) -> "Deployment":
        try:
            data = json.loads(path.read_text())
            missing = set(CONTRACTS) - set(data["contracts"])
            if missing:
                raise DeploymentError(f"{path} lacks the contracts {', '.join(sorted(missing))}; deploy again")
            found = cls(
                chain_id=data["chain_id"],
                start_block=data["start_block"],
                contracts=data["contracts"],
                verifiers={name: CircuitEntry(**entry) for name, entry in data["verifiers"].items()},
                tokens={symbol: Token(**entry) for symbol, entry in data["tokens"].items()},
            )
            found._check()
            return found
        except FileNotFoundError:
            raise DeploymentError(f"no deployment at {path}: `shadowpool market deploy` makes one") from None
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise DeploymentError(f"{path} is not a deployment file: {error!r}; deploy again") from None

    def _check(self) -> None:
        """ValueError unless every number, address and circuit id is one."""
        entries = [*self.verifiers.values(), *self.tokens.values()]
        for address in (*self.contracts.values(), *(entry.address for entry in entries)):
            if not is_checksum_address(address):
                raise ValueError(f"{address!r} is not a checksummed address")
        decimals = [token.decimals for token in self.tokens.values()]
        for number in (self.chain_id, self.start_block, *decimals):
            if type(number) is not int or number < 0:
                raise ValueError(f"{number!r} is not a natural number")
        for entry in self.verifiers.values():
            if not isinstance(entry.circuit_id, str) or not re.fullmatch("0x[0-9a-f]{64}", entry.circuit_id):
                raise ValueError(f"{entry.circuit_id!r} is not a circuit id")


def write_atomically(path: Path, text: str, mode: int = 0o644) -> None:
    """Replace `path` by `text` at once and durably: a reader never sees half a file, nor none after a power cut."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, mode)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)    # the new name: a reveal key that is registered must be found again
    finally:
        os.close(folder)
