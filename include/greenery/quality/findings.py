"""What Great Expectations found, in the words of quality.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from greenery.quality.suite import Suite

if TYPE_CHECKING:
    from great_expectations.core import ExpectationValidationResult
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

NAMED_ROWS = 5
# These identify a person: a few characters are enough to see whether two are the same.
PERSONAL = ("user_id", "address_id", "tracking_id")


@dataclass(frozen=True)
class Finding:
    """What a check found.

    rows, failing: how many it looked at, and how many of them break the rule; 0 of a figure against the weeks before.
    examples: a few of the failing rows, their personal ids masked.
    """

    passed: bool
    observed: str
    expected: str
    rows: int = 0
    failing: int = 0
    examples: list[dict[str, Any]] = field(default_factory=list)


def finding(suite: Suite, result: ExpectationValidationResult, size: int) -> Finding:
    """Return what a result says of a suite's rows, of which there are `size`."""
    passed, found, arguments = bool(result.success), result.result, result.expectation_config.kwargs  # type: ignore[union-attr]
    wanted = expected(result.expectation_config)  # type: ignore[arg-type]
    if "reading" in arguments:
        readings, failing = found["details"]["looked_at"], found["unexpected_rows"]
        # How old the newest may be depends on the shop: its hours say more than how often they were passed.
        wanted = readings[0]["expected"] if arguments["reading"].endswith("_age") and readings else wanted
        return Finding(passed, _readings(failing or readings), wanted, examples=_compared(failing))
    if "element_count" not in found and "column" in arguments:  # one figure of a column
        value, name = found["observed_value"] or 0, arguments["column"]
        return Finding(passed, f"{value:,} {name}", wanted, size, int(not passed))
    failing = found.get("unexpected_count", found.get("observed_value")) or 0
    # A sum over one column and the other is no int on each warehouse.
    looked_at = int(found.get("element_count", size)) - int(found.get("missing_count") or 0)
    examples = [] if passed else _examples(found, suite.keys)
    is_share = "mostly" in arguments and arguments["mostly"] < 1
    part = f" ({failing / looked_at:.1%})" if failing and is_share else ""
    names = [str(row["column_name"]) for row in examples if "column_name" in row]
    named = f": {', '.join(names)}" if names else ""
    verb = "breaks" if failing == 1 else "break"
    observed = f"{failing:,} of {looked_at:,} {suite.noun} {verb} the rule{part}{named}"
    return Finding(passed, observed, wanted, looked_at, failing, examples)


def expected(configuration: ExpectationConfiguration) -> str:
    """Return what an expectation expects, in a phrase."""
    arguments = configuration.kwargs
    low, high = arguments.get("min_value"), arguments.get("max_value")
    if configuration.type == "expect_column_max_to_be_between":
        return _bounds(low, high)
    if "reading" in arguments:
        if high is not None and low == -high:
            return f"within {high:g} {arguments['unit']}"
        return f"{_bounds(low, high)} {arguments['unit']}"
    if arguments.get("mostly", 1) < 1:
        return f"at most {1 - arguments['mostly']:.0%}, allowing for chance"
    return "none"


def _bounds(low: float | None, high: float | None) -> str:
    named = (("at least", low), ("at most", high))
    return " and ".join(f"{words} {value:g}" for words, value in named if value is not None)


def _readings(readings: Sequence[Mapping[str, Any]]) -> str:
    texts = [f"{one['name']}: {one['observed']}, expected {one['expected']}" for one in readings[:NAMED_ROWS]]
    return "; ".join(texts) or "nothing to compare with"


def _compared(readings: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"what": one["name"], "observed": one["observed"], "expected": one["expected"]} for one in readings[:NAMED_ROWS]
    ]


def _examples(found: Mapping[str, Any], keys: Sequence[str]) -> list[dict[str, Any]]:
    """Return a few failing rows, each once: its keys and, where it is another column, the value that fails."""
    rows = (
        found.get("partial_unexpected_index_list")
        or found.get("unexpected_rows")
        or (found.get("details") or {}).get("unexpected_rows")
        # Of a key of several columns the values are the row's name.
        or found.get("partial_unexpected_list")
        or []
    )
    examples: list[dict[str, Any]] = []
    for row in rows:
        named = {name: shown(name, row[name]) for name in dict.fromkeys((*keys, *row)) if name in row}
        if named not in examples:
            examples.append(named)
    return examples[:NAMED_ROWS]


def shown(name: str, value: Any) -> str | None:
    """Return a value as an example shows it; an id of a person keeps a third of its characters, four at most."""
    if value is None:
        return None
    if name.endswith(PERSONAL):
        return f"{value[: min(4, len(value) // 3)]}…"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return str(value)
