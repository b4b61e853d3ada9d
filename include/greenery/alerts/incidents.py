"""Work out from a run of a week which incidents people are notified of, and which incidents are over."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from pydantic import BaseModel

from greenery import commands
from greenery.alerts import sending
from greenery.build.dbt_project import MANIFEST
from greenery.channels import sent
from greenery.delivery import lateness
from greenery.messages import alert, alert_layout
from greenery.messages.alert import Advice, Alert, Run, TaskFailure, key_of
from greenery.messages.check_results import CRITICAL, WARNING, CheckResult, CheckResults
from greenery.quality import silences
from greenery.report import weeks
from greenery.report.judged import quality_before, quality_of
from greenery.settings import Settings
from greenery.week import Week

log = logging.getLogger(__name__)


# If this task failed because a check failed, the check already has an incident.
JUDGE = "quality"
STREAK_WEEKS = 26


class Outcome(BaseModel, frozen=True):
    """The outcome of a run of a week.

    states: the state of each task, by task id.
    failures: the tasks that failed by themselves.
    judged: whether the run wrote the quality.json of its week.
    withdrawn: why the run withdrew its week's extract; empty if it did not.
    """

    run: Run
    states: dict[str, str]
    failures: tuple[TaskFailure, ...] = ()
    judged: bool = False
    withdrawn: str = ""

    @property
    def passed(self) -> bool:
        """Whether no task failed."""
        return not self.failures

    @property
    def published(self) -> bool:
        """Whether the week was published."""
        return self.states.get("publish") == "success"


def update(settings: Settings, outcome: Outcome, as_of: datetime, notifies: bool) -> list[Alert]:
    """Notify people of everything that fails in a week, resolve incidents that are over, and return the alerts.

    as_of: the end of the week (naive UTC).
    notifies: whether people are notified of failures. Incidents that are over are resolved either way.

    Raises sending.NotSentError, after all channels were tried, if one of them did not accept its message.
    """
    quality = quality_of(settings, as_of) if outcome.judged else None
    found = alerts(settings, outcome, quality, as_of)
    by = f"the {outcome.run.type} run {outcome.run.id}"
    busy: set[str] = set()
    sends: list[Callable[[], None]] = [
        lambda: sending.notify(settings, found if notifies else [], by, busy=busy),
        lambda: sending.resolve(settings, over(settings, outcome, quality, found, as_of), busy=busy),
    ]
    if outcome.published and outcome.judged and not is_held(settings, as_of):
        sends.append(lambda: sending.end_held_notice(settings, outcome.run.week, by))
    errors: list[Exception] = []
    for send in sends:
        try:
            send()
        except sending.NotSentError as error:
            errors += error.errors
    if errors:
        raise sending.NotSentError(errors)
    return found


def is_held(settings: Settings, as_of: datetime) -> bool:
    """Return whether the week is held: its last run failed the checks, and its extract was not admitted before."""
    quality = quality_of(settings, as_of)
    return bool(quality and quality.verdict == "held" and not quality.stays_admitted)


def notify_held(settings: Settings, run: Run, as_of: datetime) -> None:
    """Send the notice that a week is held instead of its digest, and record that the digest is owed.

    Raises ValueError if the week is not held, sending.NotSentError if a channel did not accept the notice.
    """
    quality = quality_of(settings, as_of)
    if not quality or quality.verdict != "held":
        raise ValueError(f"the week to {as_of:%Y-%m-%d} is not held: its readers get no notice.")
    # A silenced check pages nobody. Readers are still informed why they get no digest.
    checks = tuple(check.model_copy(update={"silenced": None}) for check in quality.checks)
    found = alert.of_checks(
        quality.model_copy(update={"checks": checks}),
        quality_before(settings, as_of, STREAK_WEEKS),
        run,
        "",
        advice_for(quality),
    )
    sent.owe(settings, as_of, "held")
    critical = [one for one in found if one.severity == CRITICAL]
    sending.send_held_notice(settings, alert_layout.held_notice(critical))


def notify_late(settings: Settings, as_of: datetime, run_id: str, url: str, state: str, *, waits: bool) -> bool:
    """Notify people that a scheduled week's digest is not out by its deadline; return whether they were notified.

    state: the state of the week's run, as text. waits: whether the run goes on by itself.

    Nobody is notified if the digest is out, or if another incident of the week has paged already. Channels that
    accepted the alert are skipped, the others are tried again. A week that only silenced checks hold pages nobody.

    Raises sending.NotSentError if a channel did not accept the alert.
    """
    if lateness.is_out(settings, as_of):
        return False
    lateness.expect(settings, as_of)
    known = f"{state}; {weeks.state_of(settings, as_of)}"
    run = run_of(settings, as_of, run_id, "scheduled", url)
    late = alert.of_missing_report(run, settings.deadline_hours, known, waits=waits)
    is_open = late.key in sending.open_incidents(settings, late.week)
    if sending.has_paged(settings, late.week) and not is_open:
        return False
    quality = quality_of(settings, as_of)
    if is_held(settings, as_of) and not (quality and quality.holding):
        late = late.model_copy(update={"severity": WARNING})
    sending.notify(settings, [late], f"the scheduled run {run_id}", once=True)
    return True


def notify_silences(settings: Settings) -> None:
    """Notify people, once, of each silence that has expired or names no check.

    Raises sending.NotSentError if a channel did not accept a message.
    """
    found = silences.load()
    for problem in silences.problems(found, known_checks() if found else set(), datetime.now(UTC).date()):
        log.warning(problem)
        sending.send_line(settings, "silences", f"In {silences.FILE.name}, {problem}.")


def known_checks() -> set[str]:
    """Return the names of the checks of the gate, and of the tests of the dbt project."""
    from greenery.quality.checks import BY_ID  # as in advice_for

    nodes = json.loads(MANIFEST.read_text(encoding="utf-8"))["nodes"].values()
    return BY_ID.keys() | {node["name"] for node in nodes if node["resource_type"] == "test"}


def run_of(settings: Settings, as_of: datetime, id: str, type: str, url: str) -> Run:
    """Return the run of the week that ends at `as_of` (naive UTC) as an alert describes it."""
    return Run(
        week=Week(end=as_of).name,
        id=id,
        type=str(getattr(type, "value", type)),
        url=url,
        quality=f"{settings.reports_url or settings.reports}/{Week(end=as_of).name}/quality.html",
        runbook=settings.runbook,
        rerun=commands.backfill(settings, as_of.date(), as_of.date()),
    )


def alerts(settings: Settings, outcome: Outcome, quality: CheckResults | None, as_of: datetime) -> list[Alert]:
    """Return the alerts of the failures now: one for each check, and one for the task that failed first.

    quality: the quality.json that the run wrote; None where it wrote none.
    """
    checks: list[Alert] = []
    failures = list(outcome.failures)
    if outcome.run.type != "scheduled":
        # No extract was due. Whoever started the run sees at once that there is none.
        failures = [failure for failure in failures if failure.task != alert.WAIT]
    if quality:
        log = next((failure.log for failure in failures if failure.task == JUDGE), "")
        before = quality_before(settings, as_of, STREAK_WEEKS)
        checks = alert.of_checks(quality, before, outcome.run, log, advice_for(quality), published=outcome.published)
        if quality.verdict == "held":
            failures = [failure for failure in failures if failure.task != JUDGE]
    tasks = alert.of_failures(failures, outcome.run, outcome.published)
    if key_of(outcome.run.week, "late") in sending.open_incidents(settings, outcome.run.week):
        # The alert `late` has paged for the missing extract already. The run stops waiting for it only later.
        waited = f"task/{alert.WAIT}"
        tasks = [one.model_copy(update={"severity": WARNING}) if one.check == waited else one for one in tasks]
    return [*checks, *tasks]


def over(
    settings: Settings, outcome: Outcome, quality: CheckResults | None, found: Sequence[Alert], as_of: datetime
) -> dict[str, str]:
    """Return the open incidents of the week that are over, by key, each with the cause of its end.

    The incident of a check is over when the run judged the week and the check does not fail, or when the run passed and
    withdrew the extract. The incident of a task is over if the task, or the whole run, succeeded. The incident of a
    missing report is over if the run succeeded and the digest is out.
    """
    failing = {one.key for one in found}
    checks = {check.check: check for check in quality.checks} if quality else {}
    ended = {}
    for key in sending.open_incidents(settings, outcome.run.week).keys() - failing:
        name = key.removeprefix(key_of(outcome.run.week, ""))
        if name == "late":
            is_over = outcome.passed and lateness.is_out(settings, as_of)
        elif name.startswith("task/"):
            is_over = outcome.passed or outcome.states.get(name.removeprefix("task/")) == "success"
        else:
            is_over = quality is not None or bool(outcome.passed and outcome.withdrawn)
        if is_over:
            ended[key] = _ended_by(checks.get(name), quality, outcome)
    return ended


def advice_for(quality: CheckResults) -> dict[str, Advice]:
    """Return what to do about each failed check of a week."""
    from greenery.quality.checks import BY_ID, advice, remedy  # all checks come with it: only a run with alerts pays

    found = {}
    for name in (check.check for check in quality.checks if not check.passed):
        look, do = advice(name)
        found[name] = Advice(
            look=look,
            remedy=do,
            params={"full_refresh" if remedy(name) == "model" else "reextract": True},
            acceptable=name in BY_ID and BY_ID[name].acceptable,
        )
    return found


def _ended_by(check: CheckResult | None, quality: CheckResults | None, outcome: Outcome) -> str:
    if quality and check and not check.passed:
        if check.accepted:
            return f"a person, who accepted it: {quality.accepted.reason if quality.accepted else ''}"
        if silence := check.silenced:
            return f"a silence of {silence.owner} until {silence.until}: {silence.reason}"
        if check.told_by:
            return f"the incident of {check.told_by}, which reports both"
    by = f"the {outcome.run.type} run {outcome.run.id}"
    return f"{by}, which took the extract back (withdrawn: {outcome.withdrawn})" if outcome.withdrawn else by
