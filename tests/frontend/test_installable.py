"""The built application as one that can be installed: what its service worker keeps, and what it shows offline."""

import json
import re
import struct
import subprocess
import zlib

from offchain.paths import BUILD, ROOT
from scripts.bench import browser

SITE = BUILD / "frontend"


def test_exactly_the_files_of_the_build_are_kept_and_shown_without_a_network(tmp_path):
    built = {f"/{path.relative_to(SITE)}" for path in SITE.rglob("*") if path.is_file()}
    with browser.serving(tmp_path, page=SITE) as address:
        walk = subprocess.run(
            ["node", "e2e/offline.mjs", address], cwd=ROOT / "frontend", capture_output=True, text=True, timeout=300
        )
    assert walk.returncode == 0, walk.stderr
    report = json.loads(walk.stdout)
    assert set(report["kept"]) == built - {"/index.html", "/sw.js"} | {"/"}
    assert len(report["names"]) == 1 and len(report["kept"]) == len(set(report["kept"]))
    assert report["isolated"] and report["api"] == "no answer"
    assert {icon["src"] for icon in report["manifest"]["icons"]} <= built


def test_the_explorer_starts_without_the_desk_and_its_cryptography():
    """They are loaded when they are needed; the signs of each are in some file of the build."""
    [entry] = re.findall(r'<script type="module"[^>]* src="/([^"]+)"', (SITE / "index.html").read_text())
    texts = {path.relative_to(SITE).as_posix(): path.read_text() for path in SITE.rglob("*.js")}
    for sign in ("keccak", "eip6963", "PBKDF2", "Keep this page open"):
        assert any(sign in text for text in texts.values())
        assert sign not in texts[entry]


def test_the_icons_are_pictures_of_their_sizes():
    for size in (180, 192, 512):
        content = (SITE / f"icon-{size}.png").read_bytes()
        assert content[:8] == b"\x89PNG\r\n\x1a\n"
        at, chunks = 8, {}
        while at < len(content):
            length, name = struct.unpack(">I4s", content[at : at + 8])
            body = content[at + 8 : at + 8 + length]
            assert struct.unpack(">I", content[at + 8 + length : at + 12 + length])[0] == zlib.crc32(name + body)
            chunks[name] = body
            at += 12 + length
        assert struct.unpack(">IIBB", chunks[b"IHDR"][:10]) == (size, size, 8, 2)
        pixels = zlib.decompress(chunks[b"IDAT"])
        assert len(pixels) == size * (1 + 3 * size)
