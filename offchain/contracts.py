"""The compiled contracts, as the build leaves them: ABI and creation bytecode by name."""

import json
from dataclasses import dataclass
from functools import cache

from offchain.paths import BUILD

ARTIFACTS = BUILD / "contracts"

SOURCES = {"StakeToken": "Token"}
"""Names in a deployment whose compiled type has another name."""

FOLLOWED = ("Pool", "Market", "Relayers", "Keys", "Credentials")
"""The contracts whose events a ledger needs."""


class ArtifactError(Exception):
    """A compiled contract is missing; the message says how to make it."""


@dataclass(frozen=True)
class Artifact:
    abi: list
    bytecode: str


@cache
def artifact(name: str) -> Artifact:
    """The compiled contract called `name`."""
    path = ARTIFACTS / f"{name}.json"
    try:
        data = json.loads(path.read_text())
    except FileNotFoundError:
        raise ArtifactError(f"no compiled contract at {path}; run `make setup`") from None
    return Artifact(data["abi"], data["bytecode"])
