"""The figures of two shops as they are kept: `kept_figures.json` holds a hash of each week's summary.json.

A hash that changes means that people read other figures of the same extracts. The commit that changes it says why.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from greenery.documents import to_json
from greenery.figures.restatement import compare

KEPT = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))


def hashes(summaries: dict[str, str]) -> dict:
    """Return the hash of each summary.json by its week, and one of the last week's restatement.json if it had said
    before what the first week's summary says."""
    first, last = json.loads(summaries[min(summaries)]), json.loads(summaries[max(summaries)])
    return {
        "summary.json": {week: _sha256(text) for week, text in summaries.items()},
        "restatement.json": _sha256(to_json(compare(first, last))),
    }


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
