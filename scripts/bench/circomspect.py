"""Trail of Bits' circomspect over the circuits, and docs/circomspect.md, which answers each finding.

    cargo install circomspect --version 0.8.0 --root build/bench
    python -m scripts.bench.circomspect

A warning is answered by a row for its rule, file and line of code; a note by one for its rule and
file. An answer to nothing is a defect too.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from offchain.paths import BUILD, CIRCUITS, NODE_MODULES, ROOT

TOOL = BUILD / "bench" / "bin" / "circomspect"
ANSWERS = ROOT / "docs" / "circomspect.md"
ROW = re.compile(r"^\| (CS\d+) \| `([\w/.]+)` \| (?:`(.*?)`|notes) \| \S.*\|$", re.MULTILINE)

Finding = tuple[str, str, str]
"""Rule, file, and for a warning the line of code, without its comment; "" for a note."""


def answered(text: str) -> set[Finding]:
    """The findings that the document's rows answer."""
    return {(rule, file, code) for rule, file, code in ROW.findall(text)}


def found(report: dict, root: Path) -> set[Finding]:
    """The findings of a SARIF report on the files under `root`."""
    findings = set()
    for result in report["runs"][0]["results"]:
        place = result["locations"][0]["physicalLocation"]
        path = Path(place["artifactLocation"]["uri"].removeprefix("file://"))
        line = path.read_text().splitlines()[place["region"]["startLine"] - 1]
        code = "" if result["level"] == "note" else line.partition("//")[0].strip()
        findings.add((result["ruleId"], str(path.relative_to(root)), code))
    return findings


def run() -> set[Finding]:
    """Every finding, notes included."""
    with tempfile.TemporaryDirectory(dir=BUILD, prefix="circomspect-") as folder:
        # It looks for includes beside the file alone.
        stage = Path(folder).resolve() / "circuits"
        shutil.copytree(CIRCUITS, stage, ignore=shutil.ignore_patterns("prover", "main"))
        for place in (stage, stage / "lib"):
            (place / "circomlib").symlink_to(NODE_MODULES / "circomlib")
        report = stage / "report.sarif"
        files = sorted([*stage.glob("*.circom"), *stage.glob("lib/*.circom")])
        command = [TOOL, "-l", "INFO", "-s", report, *files]
        made = subprocess.run(command, capture_output=True, text=True)      # 1 where it finds anything
        if not report.exists():
            raise RuntimeError(f"circomspect ended with {made.returncode}: {made.stderr.strip()}")
        return found(json.loads(report.read_text()), stage)


def main() -> int:
    if not TOOL.is_file():
        print(f"no circomspect at {TOOL.relative_to(ROOT)}: the head of this file says how to get it", file=sys.stderr)
        return 1
    findings, answers = run(), answered(ANSWERS.read_text())
    for title, rows in (("no answer to", findings - answers), ("an answer to nothing", answers - findings)):
        for rule, file, code in sorted(rows):
            print(f"{title}: {rule} {file} {code}", file=sys.stderr)
    warnings = sum(bool(code) for _, _, code in findings)
    print(f"{warnings} warnings and {len(findings) - warnings} kinds of notes, {len(findings & answers)} answered")
    return int(findings != answers)


if __name__ == "__main__":
    sys.exit(main())
