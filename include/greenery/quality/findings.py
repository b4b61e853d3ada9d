"""Puts the results of Great Expectations into the words of quality.json."""

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
# Columns (by the end of their names) that identify a person. A few characters show whether two values are the same.
PERSONAL = ("user_id", "address_id", "tracking_id")


@dataclass(frozen=True)
class Finding:
    """The result of a check.

    observed, expected: texts for people.
    rows, failing: how many rows it looked at, and how many of them break the rule. Both are 0 if the check compares a
        figure with the weeks before.
    examples: a few of the failing rows, with the ids of persons masked.
    """

    passed: bool
    observed: str
    expected: str
    rows: int = 0
    failing: int = 0
    examples: list[dict[str, Any]] = field(default_factory=list)


def finding(suite: Suite, result: ExpectationValidationResult, size: int) -> Finding:
    """Return the finding for one result of Great Expectations.

    suite: the suite of the check. size: the number of rows of the suite.
    """
    passed, found, arguments = bool(result.success), result.result, result.expectation_config.kwargs  # type: ignore[union-attr]
    wanted = expected(result.expectation_config)  # type: ignore[arg-type]
    if "reading" in arguments:
        readings, failing = found["details"]["looked_at"], found["unexpected_rows"]
        # The allowed age depends on the shop. Readers need it in hours or days, not the ratio of age and limit.
        wanted = readings[0]["expected"] if arguments["reading"].endswith("_age") and readings else wanted
        return Finding(passed, _readings(failing or readings), wanted, examples=_compared(failing))
    if "element_count" not in found and "column" in arguments:  # one figure of a column
        value, name = found["observed_value"] or 0, arguments["column"]
        return Finding(passed, f"{value:,} {name}", wanted, size, int(not passed))
    failing = found.get("unexpected_count", found.get("observed_value")) or 0
    # Not every warehouse returns these counts as int.
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
    """Return the limit of an expectation as a phrase, such as `at most 5%, allowing for chance`."""
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
    """Return a few failing rows, each once: the keys and, if it is in another column, the failing value."""
    rows = (
        found.get("partial_unexpected_index_list")
        or found.get("unexpected_rows")
        or (found.get("details") or {}).get("unexpected_rows")
        # If several columns form the key, these values name the row.
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
    """Return a value as an example shows it. The id of a person is cut to a third of its characters, at most four."""
    if value is None:
        return None
    if name.endswith(PERSONAL):
        return f"{value[: min(4, len(value) // 3)]}…"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return str(value)
