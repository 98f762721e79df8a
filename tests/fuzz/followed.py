"""What a ledger follows."""

from offchain import contracts


def entries() -> list[tuple[str, dict]]:
    """(contract, ABI entry) of every event that a ledger follows."""
    return [(name, e) for name in contracts.FOLLOWED for e in contracts.artifact(name).abi if e["type"] == "event"]
