"""The progress of long work in Airflow: a bar or a spinner on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from greenery.local_airflow.runs import WeekResult
from greenery.settings import Settings

TASK_LINE_SECONDS = 10  # between two lines on running tasks, where no progress bar can be shown


def console() -> Console:
    """Return the console of stdout; where it is no terminal its lines are long, so that they can be searched."""
    return Console(highlight=False, markup=False, emoji=False, width=None if sys.stdout.isatty() else 300)


def duration(seconds: float | None) -> str:
    """Return seconds as a person reads them; empty for None."""
    return "" if seconds is None else f"{seconds:.0f} s"


@contextmanager
def starting(settings: Settings) -> Iterator[Callable[[str], None]]:
    """Show that Airflow starts for this home; yield a function that shows the step which begins."""
    shown, began = console(), time.monotonic()
    if shown.is_terminal:
        with shown.status(f"Starting Airflow for {settings.home} …") as status:
            yield lambda step: status.update(f"Starting Airflow for {settings.home}: {step} …")
    else:
        shown.print(f"Starting Airflow for {settings.home} …")
        yield lambda step: shown.print(f"  {step} …")
    shown.print(f"Airflow is ready after {duration(time.monotonic() - began)}.")


class WeeksProgress:
    """The progress of weeks that are run; use it as a context manager."""

    def __init__(self, weeks: Sequence[date]) -> None:
        self.weeks = weeks
        self.console = console()
        self.started: list[date] = []
        self.shown, self.shown_at = "", time.monotonic()
        now = TextColumn("{task.fields[now]}")
        columns = (TextColumn("weeks"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), now)
        self.progress = Progress(*columns, console=self.console, transient=True, disable=not self.console.is_terminal)
        self.bar = self.progress.add_task("", total=len(weeks), now="")

    def __enter__(self) -> WeeksProgress:
        self.progress.start()
        return self

    def __exit__(
        self, type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.progress.stop()

    def start(self, week: date) -> None:
        """Show once that a week's run has started, and which of the weeks it is in the order of their starts."""
        if week not in self.started:
            self.started.append(week)
            self.console.print(f"{week}  started (week {len(self.started)} of {len(self.weeks)})")

    def end(self, result: WeekResult) -> None:
        """Show how the run of a week ended."""
        self.console.print(f"{result.as_of}  {result.state}  {duration(result.seconds)}".rstrip())
        self.progress.advance(self.bar)

    def tasks(self, running: str) -> None:
        """Show which tasks run now."""
        self.progress.update(self.bar, now=running)
        is_new = running not in ("", self.shown) and time.monotonic() - self.shown_at >= TASK_LINE_SECONDS
        if self.progress.disable and is_new:
            self.console.print(f"running: {running}")
            self.shown, self.shown_at = running, time.monotonic()
