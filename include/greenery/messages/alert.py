"""Alerts: a failed check, a failed task or a late report. All texts are plain: each medium escapes them.

Neither Airflow nor a database is needed: an alert is made from quality.json and the facts about the run.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel

from greenery.commands import with_params
from greenery.messages import wording
from greenery.messages.check_results import CRITICAL, WARNING, CheckResult, CheckResults
from greenery.source.tables import TABLES

SHOWN_ROWS = 5
LONGEST_LINE = 600
MASK = "•••"

RUNBOOK = "docs/runbook.md"
WAIT = "wait_for_extract"
# A failure of these tasks pages nobody: the week is published, or the check that holds it has paged. If readers get
# nothing at all, the deadline pages.
_NOT_WAKING = ("deliver_", "release_warehouse", "held_notice")
_PERSONAL = {column.name for table in TABLES for column in table.columns if column.personal} | {"zipcode"}
_CONTACT = re.compile(r"[\w.+%-]+@[\w.-]+\.\w+|(?<![\w-])(\+\d[\d ()-]{7,}\d|\d{3}-\d{3}-\d{4})(?![\w-])")


class Run(BaseModel, frozen=True):
    """The run that an alert comes from.

    week: the day the week ends, such as 2025-01-22.
    type: scheduled, manual or backfill.
    url: its page in Airflow.
    quality: address or path of the week's page of checks.
    runbook: address or path of the runbook; anchors are added to it.
    rerun: the command that runs the week again; parameters are added to it.
    """

    week: str
    id: str
    type: str
    url: str = ""
    quality: str = ""
    runbook: str = RUNBOOK
    rerun: str = ""


class Advice(BaseModel, frozen=True):
    """What to do when a check fails.

    params: the parameters of the run that mends it.
    acceptable: whether a person may accept it with a reason.
    """

    look: str
    remedy: str
    params: dict[str, bool]
    acceptable: bool


class TaskFailure(BaseModel, frozen=True):
    """A task that failed by itself, and not because an earlier task failed.

    reason: the exception in one line; empty if the process was killed.
    log: the address of its log.
    at: when it failed, as ISO text. Failures are sorted by it.
    """

    task: str
    reason: str = ""
    log: str = ""
    at: str = ""


class Alert(BaseModel, frozen=True):
    """One incident in its present state.

    key: the same for all tries, reruns and channels, such as `greenery/2025-01-22/sessions_unique`.
    title: what broke, in a few words; `meaning` says in a sentence what should hold.
    rows, failing_rows: the number of rows that were checked, and that failed; 0 if nothing is counted.
    examples: up to five failing rows. Keys are kept, personal data is masked.
    also: other checks that fail for the same reason, with their observed values. They have no incident of their own.
    first_bad, streak: the first week in which it failed, and the number of weeks in a row since then.
    held_back: what readers do not get.
    fix: what to do before running the command.
    links: addresses or paths, by their labels.
    """

    key: str
    severity: Literal["critical", "warning"]
    title: str
    week: str
    run_type: str
    owner: str
    check: str
    relation: str = ""
    meaning: str = ""
    observed: str = ""
    expected: str = ""
    rows: int = 0
    failing_rows: int = 0
    examples: tuple[dict[str, str], ...] = ()
    also: tuple[str, ...] = ()
    first_bad: str = ""
    streak: int = 1
    held_back: str = ""
    fix: str = ""
    command: str = ""
    links: dict[str, str] = {}

    @property
    def state(self) -> str:
        """A hash of the facts. It is the same if another run finds the same."""
        facts: list[Any] = [self.severity, self.title, self.observed, self.expected, self.rows, self.failing_rows]
        facts += [self.held_back, list(self.examples), list(self.also)]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()

    @property
    def failing(self) -> str:
        """The number of failing rows, such as `27 of 430 (6.3%)`; empty if nothing is counted."""
        if not self.failing_rows:
            return ""
        if not self.rows:
            return f"{self.failing_rows:,}"
        return f"{self.failing_rows:,} of {self.rows:,} ({wording.percent(self.failing_rows / self.rows)})"

    @property
    def since(self) -> str:
        """Since when it fails, such as `8 Jan 2025, 3 weeks in a row`."""
        if self.streak < 2:
            return f"this week ({wording.date(self.week)})"
        return f"{wording.date(self.first_bad)}, {self.streak} weeks in a row"


def key_of(week: str, name: str) -> str:
    """Return the key of the incident of a check (or of `task/<task id>`, or of `late`) in a week."""
    return f"greenery/{week}/{name}"


def of_checks(
    quality: CheckResults,
    earlier: Sequence[CheckResults],
    run: Run,
    log: str,
    advice: Mapping[str, Advice],
    *,
    published: bool = True,
) -> list[Alert]:
    """Return an alert for each failed check of a week, the critical ones first.

    earlier: the quality.json of earlier weeks, newest first. They show since when a check fails.
    log: address of the log of the task `quality`; empty if it is not known.
    advice: what to do about each failed check, by its name.
    published: whether the run published the week. It did not if the week is held.
    """
    alerts = []
    for check in sorted(quality.notified, key=lambda check: check.severity != CRITICAL):
        do = advice[check.check]
        first_bad, streak = _streak(check.check, run.week, earlier)
        links = {"Checks of the week": run.quality, "Log": log or run.url, "Runbook": _anchor(run, check)}
        alerts.append(
            Alert(
                key=key_of(run.week, check.check),
                severity=CRITICAL if check.severity == CRITICAL else WARNING,
                title=f"{check.check} failed in {check.relation}",
                week=run.week,
                run_type=run.type,
                owner=check.owner or "data-team",
                check=check.check,
                relation=check.relation,
                meaning=check.meaning,
                observed=_clean(check.observed),
                expected=check.expected,
                rows=check.rows or 0,
                failing_rows=check.failing_rows or 0,
                examples=tuple(masked(row) for row in check.examples[:SHOWN_ROWS]),
                also=tuple(
                    f"{other.check} ({_clean(other.observed)})"
                    for other in quality.checks
                    if not other.passed and other.told_by == check.check
                ),
                first_bad=first_bad,
                streak=streak,
                held_back=_held_back_by(check, quality, published=published),
                fix=f"Look at {do.look.rstrip('.')}. {do.remedy}".replace("`", ""),
                command=_commands(run, do, held=quality.verdict == "held"),
                links=_known(links),
            )
        )
    return alerts


def of_failures(failures: Iterable[TaskFailure], run: Run, published: bool) -> list[Alert]:
    """Return the alert for the task that failed first. It names the other failed tasks. Return none if none failed.

    published: whether the run had published the week before the task failed.
    """
    ordered = sorted(failures, key=lambda failure: (failure.at or "~", failure.task))
    if not ordered:
        return []
    first, others = ordered[0], [failure.task for failure in ordered[1:]]
    only_late = all(failure.task.startswith(_NOT_WAKING) for failure in ordered)
    reason = _clean(first.reason) or "its process ended without a message: it was killed, or the machine went down"
    observed = reason + (f" (also failed: {', '.join(others)})" if others else "")
    links = {"Log": first.log or run.url, "Run": run.url, "Runbook": f"{run.runbook}#a-task-failed"}
    return [
        Alert(
            key=key_of(run.week, f"task/{first.task}"),
            severity=WARNING if only_late else CRITICAL,
            title=f"the task {first.task} failed",
            week=run.week,
            run_type=run.type,
            owner="data-team",
            check=f"task/{first.task}",
            meaning="The weekly run ends with its report delivered.",
            observed=observed,
            expected="the task succeeds",
            first_bad=run.week,
            held_back=_held_back(first.task, published),
            fix="Put the extract there, then run the week again."
            if first.task == WAIT
            else "Read the log and the runbook, then run the week again.",
            command=run.rerun,
            links=_known(links),
        )
    ]


def of_missing_report(run: Run, hours: float, state: str, *, waits: bool) -> Alert:
    """Return the alert for a week whose report or digest was not out at its deadline.

    hours: the deadline, in hours after the week's end.
    state: the state of the week, such as `no run has landed its extract`.
    waits: whether the run is still waiting, and will go on by itself.
    """
    return Alert(
        key=key_of(run.week, "late"),
        severity=CRITICAL,
        title="the report is missing",
        week=run.week,
        run_type=run.type,
        owner="data-team",
        check="late",
        meaning="The digest of a week is out by its deadline.",
        observed=state,
        expected=f"delivered within {hours:g} hours of the week's end",
        first_bad=run.week,
        held_back="the digest of this week",
        fix="The run is still waiting. Once it has what it waits for, it goes on by itself within minutes."
        if waits
        else "Look at the state of the run in Airflow. Once it has ended, run the week again.",
        command="" if waits else with_params(run.rerun, {"deliver": "always"}),
        links=_known({"Run": run.url, "Runbook": f"{run.runbook}#the-report-is-missing"}),
    )


def masked(row: Mapping[str, object]) -> dict[str, str]:
    """Return a row for people to read: personal data is replaced, keys and measures stay."""
    return {name: MASK if name in _PERSONAL and value else _clean(str(value)) for name, value in row.items()}


def _clean(text: str) -> str:
    """Return a text in one line of at most LONGEST_LINE characters, without mail addresses and phone numbers."""
    line = _CONTACT.sub(MASK, " ".join(text.split()))
    return line if len(line) <= LONGEST_LINE else f"{line[: LONGEST_LINE - 1]}…"


def _streak(name: str, week: str, earlier: Sequence[CheckResults]) -> tuple[str, int]:
    """Return the week since which a check has failed without a pass, and the number of judged weeks since then."""
    first_bad, streak = week, 1
    for quality in earlier:
        if not quality.failed(name):
            break
        first_bad, streak = f"{quality.as_of:%Y-%m-%d}", streak + 1
    return first_bad, streak


def _held_back_by(check: CheckResult, quality: CheckResults, *, published: bool) -> str:
    """Return what readers do not get while a check fails."""
    if quality.verdict == "held" and check.severity != CRITICAL:
        return (
            f"nothing because of this check: the week is held by {' and '.join(quality.holding) or 'a silenced check'}"
        )
    if quality.stays_admitted:
        return "the data that this run built: all weeks stay published as they were"
    if quality.verdict == "held":
        return "the digest, the published marts and the page of this week; readers keep the last good state"
    if published:
        return "nothing: the week is published, and its digest names the warning"
    return "nothing because of this check: the run failed before it published the week"


def _commands(run: Run, do: Advice, *, held: bool) -> str:
    """Return the commands that run the week again, to be pasted into a shell."""
    command = with_params(run.rerun, do.params)
    if not (held and do.acceptable):
        return command
    accept = with_params(run.rerun, {"accept": "<why>"})
    return f"# once it is corrected:\n{command}\n# or, if the shop really did it:\n{accept}"


def _held_back(task: str, published: bool) -> str:
    if task.startswith("deliver_"):
        return f"the digest in {task.removeprefix('deliver_')}; data and report are published"
    if task == "held_notice":
        return "the notice that this week is held, and its digest"
    if task == "release_warehouse":
        return "nothing of this week; the next run takes the warehouse over"
    if published:
        return "the page and the digest of this week; its marts are published"
    return "the digest, the published marts and the page of this week; readers keep the last good state"


def _anchor(run: Run, check: CheckResult) -> str:
    return f"{run.runbook}#{check.runbook.partition('#')[2] or check.check}"


def _known(links: Mapping[str, str]) -> dict[str, str]:
    return {label: address for label, address in links.items() if address}
