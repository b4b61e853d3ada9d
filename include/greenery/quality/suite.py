"""The vocabulary of the suites: what a check is, how bad it is that it fails, and what to do then.

The rule of severity: critical is what is wrong whatever the shop did, in our own logic or in the structure of the
extract, and holds it. What a shop itself can do is a warning; past a stated extreme, with enough history, it is
critical too, but a person may accept it with a reason (`acceptable`). Info is kept, and bothers nobody.

Importing Great Expectations takes seconds, and who only asks for a check's owner or remedy should not pay them: a check
holds a function that makes its expectation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import duckdb
    from great_expectations.expectations.expectation import Expectation

Severity = Literal["critical", "warning", "info"]
# A statement, and the values of its parameters.
Statement = tuple[str, list[Any]]

DATA, WEB, SHOP = "data-team", "web-team", "shop-team"
# What every suite is given: the week's end, and what is known by name.
AS_OF, STATUSES, EVENT_TYPES = ({"$PARAMETER": name} for name in ("as_of", "statuses", "event_types"))
# In which unit a figure is compared with the weeks before.
TIMES = "times what the weeks before let expect, chance aside"
POINTS = "pp of the weeks before, chance aside"

REMEDIES = {
    "export": "Export the tables again and run the week with `reextract`.",
    "model": "Correct the model, `make install`, and run the week with `full_refresh`. The extract is right.",
    "tracking": "Ask the owner whether tracking failed. If the events can be had, export again and `reextract`; "
    "what is lost stays lost.",
    "shop": "Ask the owner whether the shop did it. If so nothing is to be done; if not, export again and `reextract`.",
    "accept": "Export again and `reextract`; or, if the shop really did it, run the week with `accept` and the reason.",
}


@dataclass(frozen=True)
class Check:
    """One expectation, with what people need to know of it.

    id: its name in quality.json, its anchor in the runbook.
    expectation: makes it; it is given the module `expectations`, which has those of Great Expectations and our own.
    look: what to look at first. remedy: a key of REMEDIES.
    relation: what it judges; the suite's where it is empty.
    acceptable: whether a person may accept that it fails (only an anomaly, never a broken structure).
    tells_of: checks that fail for the same fact, such as the warning whose extreme this check is: where both fail, this
        one tells of both.
    """

    id: str
    severity: Severity
    expectation: Callable[[Any], Expectation]
    meaning: str
    look: str
    remedy: str = "export"
    owner: str = DATA
    relation: str = ""
    acceptable: bool = False
    tells_of: tuple[str, ...] = ()

    @property
    def runbook(self) -> str:
        """Where to read on."""
        return f"docs/runbook.md#{self.id}"


@dataclass(frozen=True)
class Suite:
    """What is expected of one relation.

    name: the statement in include/sql/quality/rows that makes the rows. relation: what its checks judge, for people.
    keys: the columns that name a row in an example. noun: what its rows are.
    statement: makes the statement where it is not one of these files; it is given the warehouse's connection.
    """

    name: str
    relation: str
    checks: tuple[Check, ...]
    keys: tuple[str, ...] = ()
    noun: str = ""
    statement: Callable[[duckdb.DuckDBPyConnection], Statement] | None = None
