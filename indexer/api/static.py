"""The explorer's and the web app's files, with headers that let them load nothing from anywhere else."""

from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse

from indexer.api.problems import Problem

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self' http://127.0.0.1:* ws://127.0.0.1:*; "    # an institution's own agent
        "worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
TYPES = {
    ".js": "text/javascript", ".mjs": "text/javascript", ".svg": "image/svg+xml", ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
}  # fmt: skip
FOR_EVER = "public, max-age=31536000, immutable"
OURS = ("v1", "graphql", "docs", "openapi.json", "artifacts")

router = APIRouter(include_in_schema=False)


@router.get("/{path:path}")
def get_file(request: Request, path: str) -> Response:
    """A file of the explorer; its page for any path that is none, since it routes by itself."""
    folder = request.app.state.source.settings.frontend.resolve()
    if not (folder / "index.html").is_file():
        raise Problem(404, "the explorer is not built: run `make setup`")
    file = _file(folder, path)
    if file is None:
        if path.split("/")[0] in OURS or "." in path.rsplit("/", 1)[-1]:
            raise Problem(404, "nothing is here; /openapi.json lists what is")
        file = folder / "index.html"
    lasting = path.startswith("assets/")
    headers = HEADERS | {"Cache-Control": FOR_EVER if lasting else "no-cache"}
    return FileResponse(file, media_type=TYPES.get(file.suffix), headers=headers)


def _file(folder: Path, path: str) -> Path | None:
    """The file at a path within the folder; None if there is none."""
    try:
        file = (folder / path).resolve()
        return file if path and file.is_relative_to(folder) and file.is_file() else None
    except (OSError, ValueError):   # a name too long, or with a NUL
        return None
