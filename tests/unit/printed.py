"""Which figures a text prints, and which of them the report's files hold."""

from __future__ import annotations

import re
from typing import Any

from greenery.messages import wording

MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
# What is no figure: names, ids, dates and addresses.
NO_FIGURE = (
    rf"\d{{1,2}} ({MONTHS})( \d{{4}})?|00:00 UTC|order-\d+|https?://\S+|order_changes\.csv|s-\d|value of .*|e-\d+"
)
FIGURE = r"[+\u2212-]?\d[\d,]*(?:\.\d+)?%?"
# What the definitions and the tests are built on, whatever the week.
CONSTANTS = {"30", "95%", "5%", "20", "0.001", "0.05", "100%", "100", "12"}


def figures(text: str) -> set[str]:
    """Return the figures of a text as they are written, without signs that a sentence puts into words."""
    without = re.sub(NO_FIGURE, " ", text.replace(wording.SPACE, " "), flags=re.IGNORECASE)
    # An interval such as 58.0-66.0%, with a longer dash, has one unit for both ends.
    without = re.sub(r"(\d)\u2013([\d.,]+%)", r"\1% \2", without)
    return {figure.lstrip("+").rstrip(",") for figure in re.findall(FIGURE, without)}


def known(*documents: Any) -> set[str]:
    """Return every way in which a figure of the documents may be written."""
    written = set(CONSTANTS)
    for value in _leaves(documents):
        if isinstance(value, str):
            written |= figures(value)
            continue
        for size in (value, -value, abs(value)):
            if isinstance(value, int):
                written |= {wording.count(size), wording.signed(size)}
                written |= figures(wording.duration(size)) if size >= 0 else set()
            else:
                for write in (
                    wording.percent,
                    wording.signed_percent,
                    wording.points,
                    wording.p_value_text,
                    wording.days,
                ):
                    written |= figures(write(size))
    return {figure.lstrip("+") for figure in written}


def _leaves(value: Any) -> list[Any]:
    """Return all numbers and texts of a document; of a list of rows how many there are, and of checks how many passed.

    Of checks there are also the counts without infos, of which digests do not tell.
    """
    if isinstance(value, dict):
        return [leaf for part in value.values() for leaf in _leaves(part)]
    if isinstance(value, list | tuple):
        checks = [row for row in value if isinstance(row, dict)]
        told = [row for row in checks if row.get("severity") != "info"]
        passed = [sum(bool(row.get("passed")) for row in rows) for rows in (checks, told)]
        return [leaf for part in value for leaf in _leaves(part)] + [len(value), len(told), *passed]
    return [value] if isinstance(value, int | float | str) and not isinstance(value, bool) else []
