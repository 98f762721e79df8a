"""What a browser proves with: the circuits' files with their hashes, and where the contracts are."""

import gzip
import hashlib
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse

from indexer.api import shapes
from indexer.api.problems import Problem, documented
from indexer.api.static import HEADERS, TYPES
from indexer.api.tagged import Tagged
from indexer.api.view import Source
from offchain import circuits
from offchain.wasm import replace_file

CIRCUITS = ("transact", "commit", "reclaim")
KINDS = ("wasm", "zkey")
NEVER = "no-store"    # the browser's own store holds them by hash; its cache would hold them twice
LEVEL = 6

router = APIRouter(tags=["status"], responses=documented(422, 429, 503))
deployed = APIRouter(prefix="/v1", tags=["status"], route_class=Tagged, responses=documented(422, 429, 503))


@deployed.get("/deployment")
def get_deployment(request: Request) -> shapes.Deployment:
    """Contracts by name, verifiers by circuit, tokens by symbol: what a wallet is configured with."""
    made = request.app.state.source.deployment
    return {
        "chain_id": made.chain_id,
        "start_block": made.start_block,
        "contracts": made.contracts,
        "verifiers": {name: vars(entry) for name, entry in made.verifiers.items()},
        "tokens": {symbol: vars(token) for symbol, token in made.tokens.items()},
    }


@router.get("/artifacts/manifest.json")
def get_manifest(request: Request) -> shapes.Manifest:
    """SHA-256 and size of both files of each circuit that a wallet proves; those alone whose key is the deployed one."""
    source: Source = request.app.state.source
    found = {name: _entries(source, name) for name in CIRCUITS if _is_deployed(source, name)}
    return {"circuits": found}


@router.get("/artifacts/{name}", response_class=Response, responses=documented(404))
def get_artifact(request: Request, name: str) -> Response:
    """A circuit's witness calculator (transact.wasm) or proving key (transact.zkey)."""
    source: Source = request.app.state.source
    circuit, _, kind = name.partition(".")
    if circuit not in CIRCUITS or kind not in KINDS or not _is_deployed(source, circuit):
        raise Problem(404, "no such file; /artifacts/manifest.json lists those there are")
    file = source.settings.circuits / name
    headers = HEADERS | {"Cache-Control": NEVER, "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        file = _compressed(source, file)
        headers["Content-Encoding"] = "gzip"
    return FileResponse(file, media_type=TYPES.get(f".{kind}", "application/octet-stream"), headers=headers)


def _is_deployed(source: Source, name: str) -> bool:
    """Whether the built key is that of the deployed verifier: a proof under another would be refused."""
    folder, entry = source.settings.circuits, source.deployment.verifiers.get(name)
    files = [folder / f"{name}.{end}" for end in (*KINDS, "vkey.json")]
    if entry is None or not all(map(Path.is_file, files)):
        return False
    return source.kept(("circuit", _mark(files[-1])), lambda: circuits.read(files[-1]).id) == entry.id


def _entries(source: Source, name: str) -> dict[str, dict[str, Any]]:
    files = {kind: source.settings.circuits / f"{name}.{kind}" for kind in KINDS}
    return {kind: {"sha256": _hash(source, file), "bytes": file.stat().st_size} for kind, file in files.items()}


def _hash(source: Source, file: Path) -> str:
    return source.kept(("sha256", _mark(file)), lambda: _sha256(file))


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _compressed(source: Source, file: Path) -> Path:
    """The file compressed, which is done once: a key shrinks to two fifths."""
    made = source.kept(("compressed", _mark(file)), lambda: _compress(file, source.settings.compressed))
    return made if made.is_file() else _compress(file, source.settings.compressed)


def _compress(file: Path, folder: Path) -> Path:
    content = file.read_bytes()
    made = folder / f"{hashlib.sha256(content).hexdigest()}.gz"
    if not made.is_file():
        replace_file(made, gzip.compress(content, LEVEL))
    return made


def _mark(file: Path) -> tuple:
    """Another one after every change of the file."""
    stat = file.stat()
    return str(file), stat.st_mtime_ns, stat.st_size
