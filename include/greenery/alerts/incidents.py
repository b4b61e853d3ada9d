"""What a run of a week means for its incidents: which are told of, and which are over."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from greenery import commands
from greenery.alerts import sending
from greenery.build.project import MANIFEST
from greenery.channels import sent as ledger
from greenery.delivery import lateness
from greenery.messages import alert as model
from greenery.messages import alert_layout as render
from greenery.messages.alert import Advice, Alert, Failure, Run, key_of
from greenery.quality import silences
from greenery.report import weeks as status
from greenery.settings import Settings

log = logging.getLogger(__name__)


# A failed task of these says what a check said already, once the checks are written down.
JUDGES = ("quality",)
STREAK_WEEKS = 26


@dataclass(frozen=True)
class Outcome:
    """How a run went, before its incidents are settled.

    states: of its tasks, by task id.
    failures: the tasks that failed by themselves.
    judged: whether the run wrote the quality.json of its week.
    withdrawn: why the run took its extract back; empty where it did not.
    """

    run: Run
    states: Mapping[str, str]
    failures: Sequence[Failure] = field(default=())
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


def settle(settings: Settings, outcome: Outcome, as_of: datetime, tells: bool) -> list[Alert]:
    """Tell of what fails in a week and resolve what no longer does; return the alerts.

    tells: whether failures are told of; what is over is resolved either way.

    Raises sending.NotSentError, after all channels were tried, where one did not take its part.
    """
    quality = read_quality(settings, as_of) if outcome.judged else None
    found = alerts(settings, outcome, quality, as_of)
    errors: list[Exception] = []
    busy: set[str] = set()
    by = f"the {outcome.run.type} run {outcome.run.id}"
    is_over = outcome.published and outcome.judged and not is_held(settings, as_of)
    for send in (
        lambda: sending.announce(settings, found if tells else [], by, busy=busy),
        lambda: sending.resolve(settings, over(settings, outcome, quality, found, as_of), busy=busy),
        lambda: sending.recovered(settings, outcome.run.week, by) if is_over else None,
    ):
        try:
            send()
        except sending.NotSentError as error:
            errors += error.errors
    if errors:
        raise sending.NotSentError(errors)
    return found


def is_held(settings: Settings, as_of: datetime) -> bool:
    """Return whether the week is held: its last run failed the checks, and it was not admitted before."""
    quality = read_quality(settings, as_of) or {}
    return quality.get("verdict") == "held" and not quality.get("stays_admitted")


def hold(settings: Settings, run: Run, as_of: datetime) -> None:
    """Send the notice that a week is held, in place of its digest, and write down that the digest is owed."""
    quality = read_quality(settings, as_of)
    if not quality or quality["verdict"] != "held":
        raise ValueError(f"the week to {as_of:%Y-%m-%d} is not held: there is nothing to tell its readers.")
    # A silenced check wakes nobody, but readers are told why they get no digest.
    loud = {**quality, "checks": [{**check, "silenced": None} for check in quality["checks"]]}
    found = model.of_checks(loud, earlier(settings, as_of), run, "", _advice(loud))
    ledger.owe(settings, as_of, "held")
    sending.hold(settings, render.notice([alert for alert in found if alert.severity == model.CRITICAL]))


def tell_late(settings: Settings, as_of: datetime, run_id: str, url: str, state: str, *, waits: bool) -> bool:
    """Tell that a scheduled week's digest is not out by its deadline; return whether there was something to tell.

    state: what is known of the week's run. waits: whether it goes on by itself. Where an incident has woken somebody
    for the week already, nobody is woken again; a channel that knows that the week is late is told no more, one that
    did not take it is. A week that only silenced checks hold wakes nobody.

    Raises sending.NotSentError where a channel did not take it.
    """
    if lateness.is_out(settings, as_of):
        return False
    lateness.expect(settings, as_of)
    known = f"{state}; {status.state_of(settings, as_of)}"
    run = run_of(settings, as_of, run_id, "scheduled", url)
    late = model.late(run, settings.deadline_hours, known, waits=waits)
    is_told = late.key in sending.open_incidents(settings, late.week)
    if sending.has_paged(settings, late.week) and not is_told:
        return False
    if is_held(settings, as_of) and not model.holding(read_quality(settings, as_of) or {}):
        late = replace(late, severity=model.WARNING)
    sending.announce(settings, [late], f"the scheduled run {run_id}", once=True)
    return True


def announce_silences(settings: Settings) -> None:
    """Tell, once, of each silence that has expired or names no check."""
    found = silences.load()
    for problem in silences.problems(found, known_checks() if found else set(), datetime.now(UTC).date()):
        log.warning(problem)
        sending.notice(settings, "silences", f"In {silences.FILE.name}, {problem}.")


def known_checks() -> set[str]:
    """Return the names of the checks of the gate, and of the tests of the dbt project."""
    from greenery.quality.checks import BY_ID  # as in _advice

    nodes = json.loads(MANIFEST.read_text(encoding="utf-8"))["nodes"].values()
    return BY_ID.keys() | {node["name"] for node in nodes if node["resource_type"] == "test"}


def run_of(settings: Settings, as_of: datetime, id: str, type: str, url: str) -> Run:
    """Return a run as an alert describes it."""
    return Run(
        week=f"{as_of:%Y-%m-%d}",
        id=id,
        type=str(getattr(type, "value", type)),
        url=url,
        quality=f"{settings.reports_url or settings.reports}/{as_of:%Y-%m-%d}/quality.html",
        runbook=settings.runbook,
        where=commands.make_variables(settings),
    )


def alerts(settings: Settings, outcome: Outcome, quality: Mapping | None, as_of: datetime) -> list[Alert]:
    """Return what fails now: a check each, and one for the task that failed first.

    quality: content of the quality.json that the run wrote; None where it wrote none.
    """
    checks: list[Alert] = []
    failures = list(outcome.failures)
    if quality:
        log = next((failure.log for failure in failures if failure.task in JUDGES), "")
        checks = model.of_checks(
            quality, earlier(settings, as_of), outcome.run, log, _advice(quality), published=outcome.published
        )
        if quality["verdict"] == "held":
            failures = [failure for failure in failures if failure.task not in JUDGES]
    tasks = model.of_failures(failures, outcome.run, outcome.published)
    if key_of(outcome.run.week, "late") in sending.open_incidents(settings, outcome.run.week):
        # The missing extract has paged already: its run gives up on it later.
        tasks = [replace(one, severity=model.WARNING) if one.check == f"task/{model.WAIT}" else one for one in tasks]
    return [*checks, *tasks]


def over(
    settings: Settings, outcome: Outcome, quality: Mapping | None, found: Sequence[Alert], as_of: datetime
) -> dict[str, str]:
    """Return the open incidents of the week that are over, by key, with what ended them.

    A check's is over when the run judged the week and it does not fail, or when it passed and took the extract back; a
    task's when the task succeeded, or the run as a whole; that the report is missing when the run passed and the digest
    is out.
    """
    failing = {alert.key for alert in found}
    checks = {check["check"]: check for check in quality["checks"]} if quality else {}
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
            ended[key] = _ended_by(checks.get(name, {}), quality, outcome)
    return ended


def _advice(quality: Mapping) -> dict[str, Advice]:
    """Return what to do about each failed check of a quality.json."""
    from greenery.quality.checks import BY_ID, advice, remedy  # with it comes the whole gate: only who tells pays

    return {
        name: Advice(
            *advice(name),
            params={"full_refresh" if remedy(name) == "model" else "reextract": True},
            acceptable=name in BY_ID and BY_ID[name].acceptable,
        )
        for name in (check["check"] for check in quality["checks"] if not check["passed"])
    }


def _ended_by(check: Mapping, quality: Mapping | None, outcome: Outcome) -> str:
    if quality and check and not check["passed"]:
        if check.get("accepted"):
            return f"a person, who accepted it: {(quality.get('accepted') or {}).get('reason', '')}"
        if silence := check.get("silenced"):
            return f"a silence of {silence['owner']} until {silence['until']}: {silence['reason']}"
        if check.get("told_by"):
            return f"the incident of {check['told_by']}, which tells of both"
    by = f"the {outcome.run.type} run {outcome.run.id}"
    return f"{by}, which took the extract back (withdrawn: {outcome.withdrawn})" if outcome.withdrawn else by


def read_quality(settings: Settings, as_of: datetime) -> dict | None:
    """Return the quality.json of a week, None where it was never judged."""
    file = settings.report_folder(as_of) / "quality.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None


def earlier(settings: Settings, as_of: datetime) -> list[dict]:
    """Return the quality.json of the weeks judged before this one, newest first, half a year at most."""
    files = sorted(settings.reports.glob("*/quality.json"), reverse=True)
    before = [file for file in files if file.parent.name < f"{as_of:%Y-%m-%d}"]
    return [json.loads(file.read_text(encoding="utf-8")) for file in before[:STREAK_WEEKS]]
