"""The results of a week's checks, as quality.json holds them, for the media that show them."""

from __future__ import annotations

from datetime import date
from typing import Final

from pydantic import JsonValue

from greenery.commands import WayOut
from greenery.documents import Document, Moment

CRITICAL: Final = "critical"
WARNING: Final = "warning"


class SilencedBy(Document):
    """Why a failed check alerts nobody, who decided it, and until which day."""

    reason: str
    owner: str
    until: date


class CheckResult(Document):
    """A check, and its result on the week.

    accepted: whether it failed and a person accepted that.
    told_by: the check that fails for the same reason and whose incident covers this one.
    rows, failing_rows: the number of rows that were checked, and that failed. examples: some of the failing rows.
    """

    check: str
    relation: str
    severity: str
    owner: str
    meaning: str
    runbook: str
    passed: bool
    accepted: bool
    silenced: SilencedBy | None
    told_by: str | None
    observed: str
    expected: str
    rows: int | None
    failing_rows: int | None
    examples: tuple[dict[str, JsonValue], ...]

    @property
    def is_notified(self) -> bool:
        """Whether the check has an incident of its own.

        A failed check has none where it is accepted, silenced, or named by the incident of another check.
        """
        fails = not self.passed and self.severity in (CRITICAL, WARNING)
        return fails and not (self.accepted or self.silenced or self.told_by)


class Acceptance(Document):
    """The reason for accepting failed checks, their names, and the observation of each."""

    reason: str
    checks: tuple[str, ...]
    observed: dict[str, str]


class CheckResults(Document):
    """The content of quality.json.

    verdict: passed, held or accepted. stays_admitted: whether the run failed and its extract stays admitted.
    way_out: how a held week can be released; None if the week is not held.
    landing_warnings: the warnings of the landing, one sentence each.
    """

    as_of: Moment
    verdict: str
    stays_admitted: bool = False
    way_out: WayOut | None = None
    accepted: Acceptance | None
    checks: tuple[CheckResult, ...]
    landing_warnings: tuple[str, ...]

    @property
    def told(self) -> list[CheckResult]:
        """The checks that a digest counts. Infos are left out: only the page of all checks shows them."""
        return [check for check in self.checks if check.severity != "info"]

    @property
    def notified(self) -> list[CheckResult]:
        """The failed checks that have an incident of their own."""
        return [check for check in self.checks if check.is_notified]

    @property
    def holding(self) -> list[str]:
        """The names of the critical checks among `notified`. If the week is held, these checks hold it."""
        return [check.check for check in self.notified if check.severity == CRITICAL]

    def failed(self, name: str) -> bool:
        """Return whether the check of this name failed."""
        return any(check.check == name and not check.passed for check in self.checks)
