"""The content of quality.json: the verdict on a week, and the result of each check."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import BaseModel

from greenery.commands import WayOut

CRITICAL: Final = "critical"
WARNING: Final = "warning"


class SilencedBy(BaseModel, frozen=True):
    """The silence that covers a check in a week: why, whose it is, and its last day."""

    reason: str
    owner: str
    until: str


class CheckResult(BaseModel, frozen=True):
    """The result of one check of a week.

    runbook: address of the check's section in the runbook.
    accepted: whether a person accepted that it fails.
    told_by: the failed check whose incident names this one too, so that a fact is notified once.
    rows, failing_rows: how many rows the check looked at, and how many of them fail; 0 where nothing is counted.
    examples: some failing rows.
    """

    check: str
    relation: str
    severity: Literal["critical", "warning", "info"]
    owner: str
    meaning: str
    runbook: str
    passed: bool
    accepted: bool = False
    silenced: SilencedBy | None = None
    told_by: str | None = None
    observed: str
    expected: str
    rows: int
    failing_rows: int
    examples: tuple[dict[str, Any], ...]

    @property
    def is_notified(self) -> bool:
        """Whether the check has an incident of its own.

        A failed check has none where it is accepted, silenced, or named by the incident of another check.
        """
        fails = not self.passed and self.severity in (CRITICAL, WARNING)
        return fails and not (self.accepted or self.silenced or self.told_by)


class Acceptance(BaseModel, frozen=True):
    """Why a person accepted failed critical checks, which checks these are, and what each observed."""

    reason: str
    checks: tuple[str, ...]
    observed: dict[str, str]


class QualityReport(BaseModel, frozen=True):
    """The verdict on the run of a week.

    as_of: the end of the week, as ISO text.
    stays_admitted: the run failed critical checks, and the week's extract stays admitted all the same.
    way_out: how a held week can be released; None where it is not held.
    """

    as_of: str
    verdict: Literal["passed", "accepted", "held"]
    stays_admitted: bool = False
    way_out: WayOut | None = None
    accepted: Acceptance | None = None
    checks: tuple[CheckResult, ...]
    landing_warnings: tuple[str, ...] = ()

    @property
    def notified(self) -> list[CheckResult]:
        """The failed checks that have an incident of their own."""
        return [check for check in self.checks if check.is_notified]

    @property
    def holding(self) -> list[str]:
        """The critical checks among `notified`, by name: in a held week they hold it."""
        return [check.check for check in self.notified if check.severity == CRITICAL]

    def failed(self, name: str) -> bool:
        """Return whether the check of this name failed."""
        return any(check.check == name and not check.passed for check in self.checks)
