"""A report of a period as a folder: readable, as tables, and signed; the same bytes for the same chain and keys.

manifest.json names every file with its sha256, and manifest.sig is an account's signature of it (EIP-191),
so that one address verifies all. What the lines refer to is looked up on the chain by `verify_references`.
"""

import csv
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from eth_account import Account
from eth_account.messages import encode_defunct
from eth_account.signers.local import LocalAccount

from indexer.audit import tables
from indexer.audit.period import Audit
from indexer.audit.record import Reference
from indexer.node import Node
from offchain import contracts
from offchain.chain import Chain
from offchain.deployment import Deployment
from offchain.events import EventType

FORMAT = "shadowpool audit report 1"
MANIFEST, SIGNATURE = "manifest.json", "manifest.sig"
LARGEST = 1 << 30
"""Bytes of a file that a check reads."""

AT_ONCE = 200


class ReportError(Exception):
    """The report cannot be written, or is not what was signed; the message says how it shows."""


@dataclass(frozen=True)
class Verified:
    """What a report's signature covers."""

    signer: str
    manifest: dict[str, Any]


def write(audit: Audit, folder: Path, office: LocalAccount) -> dict[str, Any]:
    """Write the report to a new folder, all of it or nothing; the manifest. ReportError if the folder is in use."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ReportError(f"{folder} is not empty: a report is written to a new folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f"{folder.name}."))
    try:
        for name, content in _files(audit):
            (draft / name).write_bytes(content)
        manifest = _manifest(audit, draft, office.address)
        text = json.dumps(manifest, indent=1, sort_keys=True) + "\n"
        (draft / MANIFEST).write_text(text)
        signed = office.sign_message(encode_defunct(text=text)).signature
        (draft / SIGNATURE).write_text("0x" + bytes(signed).hex() + "\n")
        os.replace(draft, folder)
    except BaseException:
        shutil.rmtree(draft)
        raise
    return manifest


def _files(audit: Audit) -> Iterator[tuple[str, bytes]]:
    from indexer.audit import documents     # a second of imports that only writing needs

    yield "report.html", documents.html(audit)
    yield "report.pdf", documents.pdf(audit)
    for name, rows in audit.tables.rows.items():
        yield f"{name}.csv", tables.as_csv(name, rows)
        yield f"{name}.parquet", tables.as_parquet(name, rows)


def _manifest(audit: Audit, folder: Path, signer: str) -> dict[str, Any]:
    record = audit.record
    block_hash, time = record.index.hash_and_time(audit.period.last)
    return {
        "format": FORMAT,
        "chain_id": record.deployment.chain_id,
        "pool": record.deployment.contracts["Pool"],
        "after_block": audit.period.after,
        "last_block": {"number": audit.period.last, "hash": block_hash, "time": time},
        "epochs": len(audit.examined),
        "fills": audit.fills,
        "problems": len(audit.problems),
        "signer": signer,
        "files": {path.name: _digest(path) for path in sorted(folder.iterdir())},
    }


def _digest(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


# --- Verifying ---


def verify(folder: Path, office: str | None = None) -> Verified:
    """Hold a report to its signature. ReportError if anything was changed, or `office` did not sign."""
    try:
        text, signature = (folder / MANIFEST).read_text(), (folder / SIGNATURE).read_text().strip()
        manifest = json.loads(text)
        files, signer = manifest["files"], manifest["signer"]
        if manifest["format"] != FORMAT or not isinstance(files, dict) or not isinstance(signer, str):
            raise ValueError("another format")
        recovered = Account.recover_message(encode_defunct(text=text), signature=signature)
    except FileNotFoundError as error:
        raise ReportError(f"{folder} is no report: it lacks {Path(error.filename).name}") from None
    except Exception as error:      # whatever a stranger's file makes the libraries say
        raise ReportError(f"{MANIFEST} or {SIGNATURE} cannot be read: {error}") from None
    if recovered != signer:
        raise ReportError(f"{MANIFEST} was changed after {signer} signed it, or was signed by another")
    if office is not None and recovered.lower() != office.lower():
        raise ReportError(f"the report is signed by {recovered}, not by {office}")
    there = {path.name for path in folder.iterdir()} - {MANIFEST, SIGNATURE}
    for name in sorted(there ^ files.keys()):
        raise ReportError(f"{name} is {'missing' if name in files else 'not of the report'}")
    for name, wanted in sorted(files.items()):
        path = folder / name
        if not path.is_file() or path.stat().st_size > LARGEST or _digest(path) != wanted:
            raise ReportError(f"{name} is not the file that was signed")
    return Verified(recovered, manifest)


def references(folder: Path) -> list[Reference]:
    """Every place on the chain that the report's lines name, in chain order."""
    found = set()
    for name in tables.COLUMNS:
        with (folder / f"{name}.csv").open(newline="") as file:
            for number, row in enumerate(csv.DictReader(file), start=2):
                for prefix in tables.PREFIXES:
                    if f"{prefix}tx" in row:
                        found.add(_reference(row, prefix, f"line {number} of {name}.csv"))
    return sorted(found, key=lambda at: (at.block, at.log_index))


def _reference(row: dict[str, str], prefix: str, where: str) -> Reference:
    try:
        block, time, tx, log_index, event = (row[prefix + name] for name in tables.REFERENCE)
        return Reference(int(block), int(time), tx, int(log_index), event)
    except (KeyError, TypeError, ValueError):
        raise ReportError(f"{where} names no place on the chain") from None


def verify_references(
    folder: Path, verified: Verified, chain: Chain, progress: Callable[[int, int], None] = lambda done, total: None
) -> int:
    """Look up on the chain what a verified report refers to; how many places. ReportError for one that is not there.

    Its signer must be the account of a registered auditor key.
    """
    manifest, deployment, node = verified.manifest, chain.deployment, Node(chain.rpc_url)
    if (manifest["chain_id"], manifest["pool"]) != (deployment.chain_id, deployment.contracts["Pool"]):
        raise ReportError("the report is of another deployment than this one")
    last = manifest["last_block"]
    header = node.call("eth_getBlockByNumber", hex(last["number"]), False)
    if header is None or header["hash"] != last["hash"]:
        raise ReportError(f"the chain has another block {last['number']} than the report: was it reorganised?")
    _registered(chain, verified.signer)
    places, topics = references(folder), _topics(deployment)
    for at in range(0, len(places), AT_ONCE):
        _look_up(node, places[at : at + AT_ONCE], topics)
        progress(min(at + AT_ONCE, len(places)), len(places))
    return len(places)


def _registered(chain: Chain, signer: str) -> None:
    functions = chain.contract("Keys").functions
    newest, _ = chain.call(functions.versions())
    accounts = {chain.call(functions.auditor(version))[0] for version in range(1, newest + 1)}
    if signer not in accounts:
        raise ReportError(f"{signer}, who signed, is the account of no version of the auditor's key")


def _topics(deployment: Deployment) -> dict[str, tuple[str, str]]:
    """(address in lower case, first topic) by Contract.Event."""
    return {
        f"{name}.{entry['name']}": (deployment.contracts[name].lower(), "0x" + EventType(name, entry).topic.hex())
        for name in contracts.FOLLOWED for entry in contracts.artifact(name).abi if entry["type"] == "event"
    }  # fmt: skip


def _look_up(node: Node, places: list[Reference], topics: dict[str, tuple[str, str]]) -> None:
    hashes = list(dict.fromkeys(place.tx for place in places))
    receipts = dict(zip(hashes, node.batch("eth_getTransactionReceipt", [(tx,) for tx in hashes])))
    blocks = list(dict.fromkeys(place.block for place in places))
    headers = dict(zip(blocks, node.batch("eth_getBlockByNumber", [(hex(block), False) for block in blocks])))
    for place in places:
        block, time, tx, log_index, event = astuple(place)
        logs = {int(log["logIndex"], 16): log for log in (receipts[tx] or {"logs": []})["logs"]}
        log, header = logs.get(log_index), headers[block]
        if log is None or header is None or log["blockHash"] != header["hash"] or int(header["timestamp"], 16) != time:
            raise ReportError(f"the chain has no log {log_index} of transaction {tx} in block {block}")
        if (log["address"].lower(), log["topics"][0]) != topics.get(event):
            raise ReportError(f"log {log_index} of transaction {tx} is no {event} of this deployment")
