"""Check a run's build before anything of it is published."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from pydantic import BaseModel

from greenery import commands
from greenery.build import locking, record
from greenery.build.record import FailedTest
from greenery.documents import to_json
from greenery.files import write_atomically
from greenery.landing import ledger
from greenery.messages import page, wording
from greenery.messages.check_results import CRITICAL, WARNING, Acceptance, CheckResult, CheckResults
from greenery.quality import silences
from greenery.quality.checks import BY_ID, CHECKS, advice, remedy
from greenery.quality.findings import Finding
from greenery.quality.suite import DATA
from greenery.quality.validation import validate
from greenery.settings import Settings
from greenery.warehouse.access import connect
from greenery.warehouse.connection import transaction

DBT_RUNBOOK = "docs/runbook.md#dbt_tests"


class HeldError(Exception):
    """A critical check failed, so nothing of the run is published.

    held_because: why the extract is held now. It is empty if the extract stays admitted, because only a model is wrong.
    """

    def __init__(self, message: str, verdict: Verdict, held_because: str = "") -> None:
        self.verdict = verdict
        self.held_because = held_because
        super().__init__(message)


class Verdict(BaseModel, frozen=True):
    """The results of the checks. Failed critical checks hold the extract, failed warnings do not.

    accepted: the failed critical checks that were accepted, and the reason; None if none was accepted.
    unseen: whether a person gave a reason although no earlier run has shown these failures for this extract.
    """

    checks: tuple[CheckResult, ...]
    accepted: Acceptance | None = None
    unseen: bool = False

    @property
    def failed_critical(self) -> list[CheckResult]:
        """The failed checks that hold the extract."""
        return [check for check in self._failed(CRITICAL) if not check.accepted]

    @property
    def failed_warnings(self) -> list[CheckResult]:
        """The failed warnings. They are shown, and they do not hold the extract."""
        return self._failed(WARNING)

    @property
    def name(self) -> str:
        """The verdict in one word: passed, held or accepted."""
        return "held" if self.failed_critical else "accepted" if self.accepted else "passed"

    def _failed(self, severity: str) -> list[CheckResult]:
        return [check for check in self.checks if not check.passed and check.severity == severity]


def judge(settings: Settings, run_id: str, accept: str = "") -> Verdict:
    """Judge the week of the run that holds the build lock, and write its `quality.json` and its page.

    accept: the reason for accepting failed checks that are anomalies. The extract is then admitted, now and whenever
        the same content is checked again. An earlier run must have held this same extract for the same checks. A broken
        structure can't be accepted.

    A run that withdraws its extract has nothing to judge, so its verdict has no checks.

    Raises HeldError if a critical check failed. The extract is then held, unless it was admitted before and only our
    own logic is wrong. Raises LockLostError if the run no longer holds the lock, NotTestedError if dbt's tests have not
    run on what it built.
    """
    with connect(settings) as connection:
        lock = record.check_build(connection, run_id)
        if lock.withdrawal:
            record.check_withdrawal(connection, lock)
            return Verdict(checks=())
        failed_tests = record.failed_tests(connection, lock)
        extract = ledger.extract(connection, lock.extract_id)
        silenced = silences.by_check(lock.as_of.date(), silences.load())
        checks = [*check_results(validate(connection, lock.as_of)), *map(_failed_test, failed_tests)]
        verdict = _accepting(
            _told_once([check.model_copy(update={"silenced": silenced.get(check.check)}) for check in checks]),
            accept.strip(),
            extract.accepted,
            # Failures for which this run itself held the extract don't count. A try that was killed after that has not
            # shown them to anybody.
            json.loads(lock.held_for),
        )
        # An admitted extract stays admitted if only a model, or rows of another week, are wrong now.
        stays = extract.state == "admitted" and not any(map(_is_of_the_extract, verdict.failed_critical))
        _write(settings, lock.as_of, verdict, extract.warnings, stays_admitted=stays)
        reason = "; ".join(f"{check.check}: {check.observed}" for check in verdict.failed_critical)
        with transaction(connection):
            locking.still_holds(connection, run_id)
            if not reason:
                record.passed(connection, lock, verdict.accepted)
            elif stays:
                record.fail(connection)
            else:
                held_for = {check.check: check.observed for check in verdict.failed_critical}
                ledger.hold(connection, lock.extract_id, reason, held_for=held_for)
    if reason and stays:
        raise HeldError(_how_to_mend(settings, lock.as_of, reason), verdict)
    if reason:
        raise HeldError(_how_to_go_on(settings, lock.as_of, verdict, reason), verdict, held_because=reason)
    return verdict


def check_results(found: Mapping[str, Finding]) -> list[CheckResult]:
    """Return the checks as `quality.json` keeps them."""
    return [
        CheckResult(
            check=check.id,
            relation=check.relation,
            severity=check.severity,
            owner=check.owner,
            meaning=check.meaning,
            runbook=check.runbook,
            passed=found[check.id].passed,
            accepted=False,
            silenced=None,
            told_by=None,
            observed=found[check.id].observed,
            expected=found[check.id].expected,
            rows=found[check.id].rows,
            failing_rows=found[check.id].failing,
            examples=tuple(found[check.id].examples),
        )
        for check in CHECKS
    ]


def _told_once(checks: Sequence[CheckResult]) -> list[CheckResult]:
    """Return the checks. A failed check names in `told_by` the check whose incident covers it, so that a fact is
    reported once.

    A check covers the checks that it names in `covers`. If several checks or tests of our own models fail, the first
    covers the others, because one wrong row fails several. A silenced check covers no other.
    """
    failed = [check for check in checks if not check.passed]
    loud = [check.check for check in failed if not check.silenced]
    covered = {other: name for name in loud if name in BY_ID for other in BY_ID[name].covers}
    ours = [name for name in loud if remedy(name) == "model"]
    covered |= dict.fromkeys(ours[1:], ours[0] if ours else "")

    def covering(name: str) -> str | None:
        found = covered.get(name)
        return found and (covering(found) or found)

    return [check.model_copy(update={"told_by": None if check.passed else covering(check.check)}) for check in checks]


def acceptable(check: CheckResult) -> bool:
    """Return whether a person may accept that a check of `quality.json` fails."""
    return check.check in BY_ID and BY_ID[check.check].acceptable


def _is_of_the_extract(check: CheckResult) -> bool:
    """Return whether a check of `quality.json` is about the extract, and not only about the models."""
    return remedy(check.check) != "model"


def _failed_test(test: FailedTest) -> CheckResult:
    """Return a failed dbt test as a check of `quality.json`."""
    return CheckResult(
        check=test.test,
        relation=test.model,
        severity=CRITICAL,
        owner=DATA,
        meaning=test.meaning,
        runbook=DBT_RUNBOOK,
        passed=False,
        accepted=False,
        silenced=None,
        told_by=None,
        observed=_broken(test.failures) if test.failures is not None else test.message or "",
        expected="none",
        rows=0,  # dbt does not return how many rows it looked at
        failing_rows=test.failures or 0,
        examples=(),
    )


def _broken(number: int) -> str:
    return f"{wording.count(number, 'row')} {'breaks' if number == 1 else 'break'} the rule"


def _accepting(
    checks: Sequence[CheckResult], reason: str, before: Acceptance | None, held_for: Mapping[str, str]
) -> Verdict:
    """Return the verdict. Failed anomalies are accepted for `reason`, or if they were accepted before.

    before: the acceptance that is stored with this content. It stays valid for the same checks, even if an earlier week
        has changed since.
    held_for: the observed values when the extract was held before this run. A person can only have looked at these.
    """
    failed = [check for check in checks if not check.passed and check.severity == CRITICAL]
    observed = {check.check: check.observed for check in sorted(failed, key=lambda check: check.check)}
    if not failed or not all(map(acceptable, failed)):
        return Verdict(checks=tuple(checks))
    accepted_before = before is not None and observed.keys() <= set(before.checks)
    if not accepted_before and not (reason and observed.items() <= held_for.items()):
        return Verdict(checks=tuple(checks), unseen=bool(reason))
    accepted = Acceptance(reason=reason or (before.reason if before else ""), checks=tuple(observed), observed=observed)
    return Verdict(
        checks=tuple(check.model_copy(update={"accepted": check.check in observed}) for check in checks),
        accepted=accepted,
    )


def _write(
    settings: Settings, as_of: datetime, verdict: Verdict, landing_warnings: Sequence[str], *, stays_admitted: bool
) -> None:
    results = CheckResults(
        as_of=as_of.replace(tzinfo=UTC),
        verdict=verdict.name,
        stays_admitted=stays_admitted and verdict.name == "held",
        way_out=_way_out(verdict) if verdict.name == "held" else None,
        accepted=verdict.accepted,
        checks=verdict.checks,
        landing_warnings=tuple(landing_warnings),
    )
    folder = settings.report_folder(as_of)
    failed = {check.check: advice(check.check) for check in verdict.checks if not check.passed}
    write_atomically(folder / "quality.html", page.render_quality(results, failed))
    write_atomically(folder / "quality.json", to_json(results))


def _how_to_mend(settings: Settings, as_of: datetime, reason: str) -> str:
    return (
        f"the run of the week {as_of:%Y-%m-%d} failed: {reason}. Nothing new is published, and the extract stays "
        f"admitted. See {settings.report_folder(as_of) / 'quality.html'}. These checks can't be accepted: correct the "
        "model, or the extract of the failing rows, and run the week again."
    )


def _how_to_go_on(settings: Settings, as_of: datetime, verdict: Verdict, reason: str) -> str:
    structural = ", ".join(check.check for check in verdict.failed_critical if not acceptable(check))
    if structural:
        hint = f"{structural} can't be accepted: "
    elif verdict.unseen:
        hint = "your acceptance was ignored, as no earlier run held this content for it: look first, then "
    else:
        hint = ""
    way_out = commands.way_out(settings, as_of.date(), _way_out(verdict))
    return (
        f"the extract {as_of:%Y-%m-%d} is held and nothing new is published: {reason}. "
        f"See {settings.report_folder(as_of) / 'quality.html'}; {hint}{way_out}."
    )


def _way_out(verdict: Verdict) -> commands.WayOut:
    """Return how a held week can be released, as a key of `commands.way_out`."""
    structural = [check.check for check in verdict.failed_critical if not acceptable(check)]
    if structural:
        return "model" if all(remedy(name) == "model" for name in structural) else "extract"
    return "accept" if verdict.unseen else "extract or accept"
