"""The results of a week's checks, as quality.json holds them, for the media that show them."""

from __future__ import annotations

from datetime import date

from pydantic import JsonValue

from greenery.documents import Document, Moment


class SilencedBy(Document):
    """Why a failed check is not reported, who says so, and until when."""

    reason: str
    owner: str
    until: date


class CheckResult(Document):
    """A check, and its result on the week.

    accepted: whether it failed and was accepted. told_by: the check that fails for the same fact and is shown instead.
    rows, failing_rows: of the relation that was checked. examples: some of the failing rows.
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


class Acceptance(Document):
    """The reason for accepting failed checks, their names, and the observation of each."""

    reason: str
    checks: tuple[str, ...]
    observed: dict[str, str]


class CheckResults(Document):
    """The content of quality.json.

    verdict: passed, held or accepted. stays_admitted: whether the run failed and its extract stays admitted.
    way_out: what mends a held week, a key of `commands.way_out`.
    """

    as_of: Moment
    verdict: str
    stays_admitted: bool = False
    way_out: str | None = None
    accepted: Acceptance | None
    checks: tuple[CheckResult, ...]
    landing_warnings: tuple[str, ...]

    @property
    def told(self) -> list[CheckResult]:
        """The checks that a digest counts: infos are only on the page of all checks."""
        return [check for check in self.checks if check.severity != "info"]
