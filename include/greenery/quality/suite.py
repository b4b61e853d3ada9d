"""The vocabulary of the suites: a check, its severity, and the remedy if it fails.

The rule of severity: a fault in our own logic or in the structure of the extract is critical and holds the extract.
Anything that a shop itself can do is a warning. Beyond a stated extreme, with enough history, it is critical too, but a
person may accept it with a reason (`acceptable`). Infos are stored and notify nobody.

Importing Great Expectations takes seconds. Code that only needs a check's owner or remedy should not import it, so a
check holds a function that makes its expectation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from greenery.warehouse.connection import Connection

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation

Severity = Literal["critical", "warning", "info"]
# A statement, and the values of its parameters.
Statement = tuple[str, dict[str, Any]]

DATA, WEB, SHOP = "data-team", "web-team", "shop-team"
# The parameters of every suite: the week's end, and the known statuses and event types.
AS_OF, STATUSES, EVENT_TYPES = ({"$PARAMETER": name} for name in ("as_of", "statuses", "event_types"))
# The unit in which a figure is compared with the weeks before, in the words of quality.json.
TIMES = "times the figure expected from previous weeks, allowing for chance"
POINTS = "pp away from previous weeks, allowing for chance"

REMEDIES = {
    "export": "Export the tables again and run the week with `reextract`.",
    "model": "The extract is right. Correct the model, run `make install`, and run the week with `full_refresh`.",
    "tracking": "Ask the owner whether tracking failed. If the missing events still exist, export again and run the "
    "week with `reextract`. Otherwise they stay missing.",
    "shop": "Ask the owner whether this really happened in the shop. If so, do nothing. If not, export again and run "
    "the week with `reextract`.",
    "accept": "Export again and run the week with `reextract`. If this really happened in the shop, run the week with "
    "`accept` and the reason instead.",
}


@dataclass(frozen=True)
class Check:
    """One expectation, with the facts that people need if it fails.

    id: its name in quality.json, and its anchor in the runbook.
    expectation: makes the expectation. It gets the module `expectations`, which has all that can be used.
    look: what to look at first. remedy: a key of REMEDIES.
    relation: the relation that it judges; if empty, that of the suite.
    acceptable: whether a person may accept that it fails (only an anomaly, never a broken structure).
    covers: checks that fail for the same reason, such as the warning whose extreme this check is. If both fail, only
        this one is reported.
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
    covers: tuple[str, ...] = ()

    @property
    def runbook(self) -> str:
        """The section of the runbook on this check."""
        return f"docs/runbook.md#{self.id}"


@dataclass(frozen=True)
class Suite:
    """The checks of one relation.

    name: the statement in include/sql/quality/rows that makes the rows. relation: what the checks judge, for people.
    keys: the columns that name a row in an example. noun: the name of the rows in messages, such as `sessions`.
    statement: makes the statement if it is none of these files. It gets the connection of the warehouse.
    """

    name: str
    relation: str
    checks: tuple[Check, ...]
    keys: tuple[str, ...] = ()
    noun: str = ""
    statement: Callable[[Connection], Statement] | None = None
