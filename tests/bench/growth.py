"""How the work of a weekly run grows with the number of extracts: 104 extracts of one size, step by step.

Writes a Markdown table, whose last line is what counts: the median of the last ten weeks over that of weeks 11 to 20.
"""

from __future__ import annotations

import argparse
import logging
import os
import platform
import shutil
import tempfile
import textwrap
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

import duckdb
from dbt.adapters.duckdb.environments import local as dbt_duckdb
from dbt.cli.main import dbtRunner
from greenery import quality
from greenery.build import locking, record
from greenery.landing import ledger, loading
from greenery.publishing import versions
from greenery.report import writing
from greenery.settings import REPOSITORY, Settings
from greenery.simulator.shop import Shop, simulate
from greenery.warehouse.access import connect
from greenery.week import WEEK

from tests.pipeline import note_all_built

PROJECT = REPOSITORY / "include" / "dbt"
FIRST = datetime(2023, 1, 11)
WEEKS = 104
EARLY, LATE = range(11, 21), range(WEEKS - 9, WEEKS + 1)
# The weeks that do every step.
MEASURED = {1, *EARLY, 30, 40, 50, 60, 70, 80, 90, *LATE}
PRINTED = (1, 11, 15, 20, 30, 40, 50, 60, 70, 80, 90, 95, 100, 104)
SECONDS = ("land", "models", "tests", "quality", "publish", "report")
ALL = "all steps"


class Sql:
    """Counts what dbt's statements cost: rows inserted, deleted or created, as DuckDB reports them, and seconds."""

    def __init__(self) -> None:
        self.written = 0
        self.seconds = 0.0
        execute = dbt_duckdb.DuckDBCursorWrapper.execute

        def counting(cursor: Any, sql: str, bindings: Any = None) -> Any:
            start = time.process_time()
            result = execute(cursor, sql, bindings)
            words = sql.split("*/", 1)[-1].split()[:2]
            if words[:1] in (["insert"], ["delete"]) or words == ["create", "table"]:
                with suppress(duckdb.Error):
                    self.written += (result.fetchall() or [[0]])[0][0]
            self.seconds += time.process_time() - start
            return result

        dbt_duckdb.DuckDBCursorWrapper.execute = counting


class Dbt:
    """dbt on one warehouse, in this process, with the project parsed once."""

    def __init__(self, home: Settings) -> None:
        os.environ["GREENERY_WAREHOUSE"] = str(home.warehouse)
        target = home.home.parent / "dbt"
        self.options = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT / "profiles"), "--threads", "1"]
        self.options += ["--target-path", str(target / "target"), "--log-path", str(target / "logs")]
        self.quiet = ["--quiet", "--log-level-file", "none", "--no-write-json"]
        self.manifest = dbtRunner().invoke([*self.quiet, "parse", *self.options]).result
        self.sql = Sql()

    def __call__(self, command: str, *arguments: str) -> tuple[int, float]:
        """Run all models, or all tests; return the rows written and the seconds of their SQL."""
        written, seconds = self.sql.written, self.sql.seconds
        # A copy, because dbt takes a node that it has compiled in it as compiled for good.
        runner = dbtRunner(manifest=self.manifest.deepcopy())
        result = runner.invoke([*self.quiet, command, *arguments, *self.options])
        messages = [node.message for node in result.result or [] if str(node.status) in ("error", "fail")]
        if not result.success:
            raise RuntimeError(messages or result.exception)
        return self.sql.written - written, self.sql.seconds - seconds


def measure(home: Settings, weeks: int, complete: set[int], say: Callable[[str], None]) -> Iterator[dict]:
    """Run the weeks one after the other; yield a row of figures a week.

    complete: the weeks that do every step. The others land and build only, to save time.
    """
    dbt = None
    for number in range(1, weeks + 1):
        as_of, run_id = FIRST + (number - 1) * WEEK, f"bench__{number}"
        figures: dict[str, Any] = {"week": number}

        def timed(step: str, do: Callable[[], Any], figures: dict[str, Any] = figures) -> Any:
            start = time.process_time()
            result = do()
            figures[step] = time.process_time() - start
            return result

        landed = timed("land", lambda as_of=as_of: loading.land(home, as_of))
        figures["extract rows"] = sum(landed.rows.values())
        with connect(home) as connection:
            locking.acquire(connection, run_id, as_of, lambda _: False)
        dbt = dbt or Dbt(home)
        figures["rows written"], figures["models"] = dbt("run")
        note_all_built(home, run_id)
        if number in complete:
            figures["tests"] = dbt("test", "--exclude-resource-type", "unit_test")[1]
        with connect(home) as connection:
            record.tested(connection, run_id, [])
        if number in complete:
            timed("quality", lambda run_id=run_id: quality.judge(home, run_id))
            timed("publish", lambda run_id=run_id: versions.publish(home, run_id))
            timed("report", lambda as_of=as_of: writing.write(home, as_of))
            figures[ALL] = sum(figures[step] for step in SECONDS)
        with connect(home) as connection:
            ledger.admit(connection, landed.extract_id)
            locking.release(connection, run_id)
        shown = "  ".join(f"{step} {figures[step]:.2f}" for step in SECONDS if step in figures)
        say(f"week {number:3} of {weeks}: {figures['rows written']:8,} rows written  {shown}")
        yield figures


def ratio(measured: list[dict], value: Callable[[dict], float]) -> str:
    """Return the median of the late weeks over that of the early ones."""
    early, late = (
        median(value(figures) for figures in measured if figures["week"] in weeks) for weeks in (EARLY, LATE)
    )
    return f"{late / early:.2f}" if early else "-"


def table(measured: list[dict], sessions: int) -> str:
    """Return the figures as Markdown."""
    names = ("extract rows", "rows written", *SECONDS, ALL)
    lines = [
        "# Growth",
        "",
        *textwrap.wrap(
            "Written by `make bench` (`tests/bench/growth.py`): one weekly run after the other, extracts of one size, "
            f"{sessions:,} new sessions a week, events as a window of eight weeks, orders of twelve. Rows written are "
            "those that the dbt models insert or delete, and those of plain tables, which are written whole. Seconds "
            "are processor time, because other programs use the machine too; "
            "those of models and tests are of their SQL. The ratio is the median of the last ten weeks over "
            f"that of weeks 11 to 20. {platform.machine()}, {os.cpu_count()} cores, "
            f"Python {platform.python_version()}, DuckDB {duckdb.__version__}.",
            width=120,
        ),
        "",
        f"| week | {' | '.join(names)} |",
        f"|---:|{'---:|' * len(names)}",
    ]
    for figures in measured:
        if figures["week"] in PRINTED:
            cells = [f"{figures[name]:,}" for name in names[:2]] + [f"{figures[name]:.2f}" for name in names[2:]]
            lines.append(f"| {figures['week']} | {' | '.join(cells)} |")
    ratios = [ratio(measured, lambda figures, name=name: figures[name]) for name in names]
    lines.append(f"| **ratio** | {' | '.join(f'**{value}**' for value in ratios)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.growth", description=main.__doc__)
    parser.add_argument("--sessions", type=int, default=500, help="new sessions a week")
    parser.add_argument("--folder", type=Path, help="keep extracts, warehouse and what is published there")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "docs" / "growth.md")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    folder = options.folder or Path(tempfile.mkdtemp(prefix="greenery-growth-"))
    try:
        home = Settings(home=folder / "home", extracts=folder / "extracts")
        print(f"Simulating {WEEKS} extracts", flush=True)
        simulate(
            Shop(
                FIRST,
                weeks=WEEKS,
                sessions_per_week=options.sessions,
                history_weeks=12,
                events_window_days=56,
                improved_checkout_week=WEEKS,
                file_format="parquet",
                steady=True,
            ),
            home.extracts,
        )
        measured = list(measure(home, WEEKS, MEASURED, lambda line: print(line, flush=True)))
    finally:
        if not options.folder:
            shutil.rmtree(folder)
    text = table(measured, options.sessions)
    options.out.write_text(text, encoding="utf-8")
    print(f"\n{text}\nWritten to {options.out}")


if __name__ == "__main__":
    main()
