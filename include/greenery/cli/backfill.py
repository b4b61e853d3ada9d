"""`greenery backfill`: run the weekly DAG for past weeks, through Airflow's own backfill, and show how it goes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import date
from typing import Annotated, Any, Literal

import typer

from greenery import commands
from greenery.cli.arguments import (
    NAMED_BY_ITS_END,
    ExtractsOption,
    check_reason,
    parse_date,
    parse_params,
    settings_with,
    weeks_between,
)
from greenery.cli.results import print_checks, print_results
from greenery.commands import InputError
from greenery.local_airflow import backfills
from greenery.local_airflow.client import Airflow
from greenery.local_airflow.progress import console, starting
from greenery.local_airflow.runs import WeekResult
from greenery.local_airflow.server import attach, running_airflow
from greenery.report.weeks import outdated
from greenery.settings import Settings


def backfill(
    first: Annotated[str, typer.Argument(metavar="FROM", help=f"The first week. {NAMED_BY_ITS_END}")],
    last: Annotated[str, typer.Argument(metavar="TO", help="The last week. Without it, only FROM is run.")] = "",
    extracts: ExtractsOption = None,
    reextract: Annotated[
        bool, typer.Option("--reextract", help="Land the extracts again although their content has changed.")
    ] = False,
    accept_shrink: Annotated[
        bool,
        typer.Option(
            "--accept-shrink",
            help="Land an extract although it lacks more than half of the orders or events of the previous one.",
        ),
    ] = False,
    accept: Annotated[
        str,
        typer.Option(
            metavar="REASON", help="Reason for accepting failed checks. They must show something the shop really did."
        ),
    ] = "",
    full_refresh: Annotated[
        bool, typer.Option("--full-refresh", help="Build the models again from all admitted extracts.")
    ] = False,
    deliver: Annotated[
        Literal["auto", "always", "never"] | None,
        typer.Option(
            help="When to deliver digests. auto: those that are owed, and those that were sent and have changed. "
            "always: also those of past weeks. never: none."
        ),
    ] = None,
    params: Annotated[
        str, typer.Option(metavar="JSON", help="Parameters of the runs as JSON, such as '{\"reextract\": true}'.")
    ] = "",
    run_backwards: Annotated[bool, typer.Option("--run-backwards", help="Run the newest week first.")] = False,
    max_active_runs: Annotated[int, typer.Option(metavar="N", min=1, help="How many weeks run at a time.")] = 1,
) -> None:
    """Run the weekly DAG for past weeks, oldest first; weeks that were run before are run again.

    If the Airflow of `greenery up` runs for the same home, the weeks run there. Otherwise the command starts an Airflow
    and stops it at the end. A failed week does not stop the others. Afterwards the command runs published weeks again
    whose report would now differ.

    Example: `greenery backfill 2023-01-11 2023-02-01 --extracts /srv/extracts --reextract`
    """
    if not first:
        raise InputError("FROM is missing: write `make backfill FROM=2023-01-11 TO=2023-02-01`.")
    check_reason("--accept", accept)
    given = {
        "reextract": reextract,
        "accept_shrink": accept_shrink,
        "accept": accept.strip(),
        "full_refresh": full_refresh,
        "deliver": deliver,
    }
    settings = settings_with(extracts)
    results = run_backfill(
        settings,
        parse_date("FROM", first),
        parse_date("TO", last or first),
        parse_params(params) | {name: value for name, value in given.items() if value},
        run_backwards,
        max_active_runs,
    )
    print_results(results)
    print_checks(settings, results)
    if any(result.state != "success" for result in results):
        raise typer.Exit(1)


def run_backfill(
    settings: Settings,
    first: date,
    last: date,
    conf: dict[str, Any] | None = None,
    run_backwards: bool = False,
    max_active_runs: int = 1,
    airflow: Airflow | None = None,
    restate: bool = True,
) -> list[WeekResult]:
    """Run the weekly DAG for each as_of from `first` to `last`, done weeks again too; return the results, oldest first.

    A failed week does not stop the others. Published weeks whose report would differ afterwards are run again, oldest
    first; their results follow the others. Progress goes to stdout.

    conf: parameters of the runs; restated weeks get only its `deliver`.
    run_backwards: newest week first.
    max_active_runs: weeks at a time; those that are restated run one by one.
    airflow: where to run it; None takes what `airflow_for` gives.
    restate: whether to run again what the backfill restates.

    Raises InputError, and AirflowError when Airflow can't be used or refuses the backfill.
    """
    weeks = weeks_between(settings, first, last)
    if airflow is None:
        with airflow_for(settings, weeks) as found:
            return run_backfill(settings, first, last, conf, run_backwards, max_active_runs, found, restate)
    with airflow.unpaused():
        results = backfills.run(airflow, weeks, conf or {}, run_backwards, max_active_runs)
        restated = outdated(settings) if restate else []
        if restated:
            named = ", ".join(map(str, restated))
            console().print(f"Published weeks whose report differs now: {named}. Running them again, oldest first.")
        deliver = {name: value for name, value in (conf or {}).items() if name == "deliver"}
        for start, end in commands.stretches(restated):
            results += backfills.run(airflow, weeks_between(settings, start, end), deliver, False, 1)
        return results


@contextmanager
def airflow_for(settings: Settings, weeks: Sequence[date] = ()) -> Iterator[Airflow]:
    """Yield the Airflow that `make up` started for these settings, else one that is started here and stopped.

    weeks: as_of dates that are about to be run. If an interrupted command left unfinished runs of these weeks, or of
        any backfill, they are marked as failed before an Airflow that is started here schedules anything; else it would
        go on.

    Raises AirflowError.
    """
    if airflow := attach(settings):
        console().print(f"Using the Airflow that runs at {airflow.base_url}.")
        with closing(airflow.api):
            yield airflow
        return

    def clear(airflow: Airflow) -> None:
        backfills.clear_leftovers(airflow, weeks)

    with ExitStack() as stack:
        with starting(settings) as show_step:
            started = stack.enter_context(running_airflow(settings, before_scheduler=clear, show_step=show_step))
        yield started
