"""Print the results of a command: a table of its weeks, and the checks that failed in them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time

from rich.table import Table

from greenery.local_airflow.progress import console, duration
from greenery.local_airflow.runs import FailedTask, WeekResult
from greenery.messages.check_results import CRITICAL, CheckResults
from greenery.report.judged import quality_of
from greenery.settings import Settings


def print_results(results: Sequence[WeekResult]) -> None:
    """Print a table of the weeks: state, time, and each failed task with its reason and log."""
    table = Table("week", "state", "time", "failed task", "reason", box=None, pad_edge=False)
    for result in results:
        failures = result.failures or (FailedTask("", ""),)
        for number, failure in enumerate(failures):
            week = (str(result.as_of), result.state, duration(result.seconds)) if number == 0 else ("", "", "")
            table.add_row(*week, failure.task, failure.reason)
    shown = console()
    shown.print(table)
    for failure in (failure for result in results for failure in result.failures if failure.log):
        shown.print(f"log of {failure.task}: {failure.log}", soft_wrap=True)


def print_checks(settings: Settings, results: Sequence[WeekResult]) -> None:
    """Print the checks that failed in these weeks: a backfill alerts nobody, so the failed checks are printed here.

    A week that failed before it was judged has no checks here. A check whose failure another check explains is left
    out.
    """
    table = Table("week", "", "check", "severity", "observed", "owner", "rows", box=None, pad_edge=False)
    # A week that was run twice is named once, as it ended.
    for result in {result.as_of: result for result in results}.values():
        quality = _quality(settings, result)
        for check in quality.checks if quality else ():
            if check.passed or check.severity == "info" or check.told_by:
                continue
            notes = [name for name, is_so in (("accepted", check.accepted), ("silenced", check.silenced)) if is_so]
            critical = "failed" if quality and quality.stays_admitted else "held"
            state = ", ".join(notes) or (critical if check.severity == CRITICAL else "")
            rows = f"{check.failing_rows:,}" if check.failing_rows else ""
            rows += f" of {check.rows:,}" if rows and check.rows else ""
            table.add_row(f"{result.as_of}", state, check.check, check.severity, check.observed, check.owner, rows)
    if table.row_count:
        shown = console()
        shown.print("\nChecks that failed (nobody is alerted of a backfill; the next digest names held weeks):")
        shown.print(table)


def _quality(settings: Settings, result: WeekResult) -> CheckResults | None:
    """Return the quality.json that this run of the week wrote; None if the run failed before that."""
    judged = result.state == "success" or any(failure.task == "quality" for failure in result.failures)
    return quality_of(settings, datetime.combine(result.as_of, time())) if judged else None
