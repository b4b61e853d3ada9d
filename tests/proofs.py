"""What the reports in docs/proofs share: the commit that was proved, and results that are kept part by part."""

from __future__ import annotations

import functools
import json
import subprocess
from pathlib import Path
from typing import Any

from greenery.settings import REPOSITORY

FOLDER = REPOSITORY / "docs" / "proofs"


@functools.cache
def commit() -> str:
    """Return the short hash of what is proved; with a plus where the working tree differs from it.

    A proof calls it when it begins: the working tree may be another when it ends.
    """
    git = ["git", "-C", str(REPOSITORY)]
    head = subprocess.check_output([*git, "rev-parse", "--short", "HEAD"], text=True).strip()
    differs = subprocess.check_output([*git, "status", "--porcelain", "include", "dags", "plugins", "tests"], text=True)
    return f"{head}+" if differs else head


def keep(folder: Path, part: int, of: int, seconds: float, **results: Any) -> None:
    """Write down what a part of a proof found, with the commit that it is of; a report adds up all parts there are."""
    folder.mkdir(parents=True, exist_ok=True)
    document = {"part": part, "of": of, "commit": commit(), "seconds": round(seconds), **results}
    (folder / f"{part:02}.json").write_text(json.dumps(document, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def kept(folder: Path) -> list[dict[str, Any]]:
    """Return what the parts found, in their order."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]


def table(parts: list[dict[str, Any]], counted: dict[str, list[int]]) -> str:
    """Return the table of the parts that a report adds up. counted: columns of numbers, a number for each part."""
    lines = [f"| part | {' | '.join([*counted, 'minutes'])} | at commit |", f"|---|{'---:|' * (len(counted) + 1)}---|"]
    for part, numbers in zip(parts, zip(*counted.values(), strict=True), strict=True):
        cells = [f"{number:,}" for number in (*numbers, round(part["seconds"] / 60))]
        lines.append(f"| {part['part']} of {part['of']} | {' | '.join(cells)} | `{part['commit']}` |")
    return "\n".join(lines) + "\n"
