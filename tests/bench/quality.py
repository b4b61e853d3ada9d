"""What the quality gate costs: processor time, statements and memory of judging one week, on a small and a large shop.

Each judgement runs in a process of its own. `--sizes 200000` measures a shop larger than those of `make bench`. With
`--against` another checkout is measured too, taking turns with this one: the machine is then as busy for both.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import importlib.util
import json
import os
import resource
import subprocess
import sys
import tempfile
import textwrap
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from math import nan
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).resolve().parents[2]
FIRST, AS_OF = datetime(2025, 1, 8), datetime(2025, 1, 15)
RUN = "second"
SIZES = (600, 20_000)
TURNS = 5


def build(folder: Path, sessions: int) -> None:
    """Simulate a shop in `folder`, admit its first week unjudged, and build its second."""
    from greenery.build import locking, record
    from greenery.landing import ledger, loading
    from greenery.settings import Settings
    from greenery.simulator.shop import Shop, simulate
    from greenery.warehouse.access import connect

    from tests import pipeline

    home = Settings(home=folder / "home", extracts=folder.parent / f"extracts-{sessions}")
    if not home.extracts.exists():
        simulate(
            Shop(
                FIRST,
                2,
                sessions,
                history_weeks=8,
                events_window_days=28,
                improved_checkout_week=9,
                file_format="parquet",
            ),
            home.extracts,
        )
    for as_of, run in ((FIRST, "first"), (AS_OF, RUN)):
        landed = loading.land(home, as_of)
        with connect(home) as connection:
            assert locking.acquire(connection, run, as_of, lambda _: False)
        pipeline.dbt(home, "run")
        with connect(home) as connection:
            record.tested(connection, run, [])
            if as_of == FIRST:
                ledger.admit(connection, landed.extract_id)
                locking.release(connection, run)


class Counting:
    """A connection that counts its statements."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.statements = 0

    def execute(self, *arguments: Any) -> Any:
        """Run a statement."""
        self.statements += 1
        return self._connection.execute(*arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


def timed(function: Callable[..., Any], spent: list[float]) -> Callable[..., Any]:
    """Return a function that adds the processor seconds of each of its calls to `spent`."""

    @functools.wraps(function)
    def call(*arguments: Any) -> Any:
        start = time.process_time()
        result = function(*arguments)
        spent.append(time.process_time() - start)
        return result

    return call


def judge(folder: Path, sessions: int) -> dict[str, float]:
    """Judge the week that is built in `folder`; return processor seconds, statements and peak memory in MB.

    validating: the seconds of Great Expectations, with its statements; not there where the checkout has no suites.
    """
    start = time.process_time()
    import great_expectations
    from greenery.quality import verdict
    from greenery.settings import Settings

    spent: list[float] = []
    # A checkout from before the suites has neither module.
    if has_suites := importlib.util.find_spec("greenery.quality.validation") is not None:
        from greenery.quality import expectations, validation  # noqa: F401

        validation.findings_of = timed(validation.findings_of, spent)
    imported = time.process_time()
    assert great_expectations.__version__
    counted: list[Counting] = []
    connect = verdict.connect

    @contextlib.contextmanager
    def counting(settings: Settings) -> Iterator[Any]:
        with connect(settings) as connection:
            counted.append(Counting(connection))
            yield counted[-1]

    verdict.connect = counting  # type: ignore[assignment]
    found = verdict.judge(Settings(folder / "home", folder.parent / f"extracts-{sessions}"), RUN)
    return {
        "checks": len(found.checks),
        "import": imported - start,
        "judge": time.process_time() - imported,
        **({"validating": sum(spent)} if has_suites else {}),
        "statements": sum(one.statements for one in counted),
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _child(checkout: Path, *arguments: str) -> str:
    """Run this script on the code of a checkout, with its own environment."""
    environment = {**os.environ, "PYTHONPATH": f"{checkout / 'include'}:{checkout}", "PYTHONWARNINGS": "ignore"}
    python = sys.executable if checkout == HERE else str(checkout / ".venv" / "bin" / "python")
    command = [python, str(Path(__file__).resolve()), *arguments]
    return subprocess.run(command, env=environment, cwd=checkout, check=True, stdout=subprocess.PIPE, text=True).stdout


def measure(
    checkouts: Sequence[Path], sizes: Sequence[int], turns: int, folder: Path, say: Callable[[str], None]
) -> dict[tuple[int, int], list[dict]]:
    """Return the figures of all turns by size and number of the checkout."""
    measured: dict[tuple[int, int], list[dict]] = {}
    for sessions in sizes:
        homes = [folder / f"{number}-{sessions}" for number in range(len(checkouts))]
        for checkout, home in zip(checkouts, homes, strict=True):
            _child(checkout, "--build", str(home), "--sessions", str(sessions))
        for _ in range(turns):
            for number, (checkout, home) in enumerate(zip(checkouts, homes, strict=True)):
                text = _child(checkout, "--judge", str(home), "--sessions", str(sessions))
                figures = json.loads(text.splitlines()[-1])
                measured.setdefault((sessions, number), []).append(figures)
                say(f"{sessions:,} sessions a week, checkout {number}: {figures}")
    return measured


def table(measured: dict[tuple[int, int], list[dict]], names: Sequence[str]) -> str:
    """Return the figures as Markdown: medians, and the ratio of the first checkout over a second one."""

    def of(sessions: int, number: int, value: Callable[[dict], float]) -> float:
        return median(value(figures) for figures in measured[sessions, number])

    columns: dict[str, tuple[Callable[[dict], float], str]] = {
        "imports, s": (lambda figures: figures["import"], ".1f"),
        "judging, s": (lambda figures: figures["judge"], ".2f"),
        "of it Great Expectations": (lambda figures: figures.get("validating", nan) / figures["judge"], ".0%"),
        "both, s": (lambda figures: figures["import"] + figures["judge"], ".1f"),
        "statements": (lambda figures: figures["statements"], ".0f"),
        "peak memory, MB": (lambda figures: figures["memory"], ".0f"),
    }
    lines = [
        f"| sessions a week | code | checks | {' | '.join(columns)} |",
        f"|---:|---|---:|{'---:|' * len(columns)}",
    ]
    for sessions in dict.fromkeys(size for size, _ in measured):
        for number, name in enumerate(names):
            checks = measured[sessions, number][0]["checks"]
            cells = [f"{of(sessions, number, value):{form}}" for value, form in columns.values()]
            lines.append(f"| {sessions:,} | {name} | {checks} | {' | '.join(cells)} |")
        if len(names) > 1:
            ratios = [f"**{of(sessions, 0, value) / of(sessions, 1, value):.2f}**" for value, _ in columns.values()]
            lines.append(f"| {sessions:,} | **ratio** | | {' | '.join(ratios)} |")
    return "\n".join(lines) + "\n"


def section(against: Path | None = None, sizes: Sequence[int] = SIZES, turns: int = TURNS) -> str:
    """Measure this checkout, and another where one is named; return the section of docs/benchmarks.md."""
    checkouts = [HERE, *([against.resolve()] if against else [])]
    with tempfile.TemporaryDirectory(prefix="greenery-quality-") as folder:
        measured = measure(checkouts, sizes, turns, Path(folder), lambda line: print(line, file=sys.stderr, flush=True))
    lines = [
        "## The quality gate",
        "",
        *textwrap.wrap(
            f"One week of a shop is judged in a process of its own. The figures are medians of {turns} turns. Seconds "
            "are of processor time. The share of Great Expectations contains the statements that it runs. The rest "
            "makes the rows that it looks at, and writes the verdict. A weekly run in a warm Airflow imports nothing: "
            "the scheduler has imported Great Expectations once.",
            width=120,
        ),
        "",
        table(measured, ["this", *(["the other"] if against else [])]),
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.quality", description=main.__doc__)
    parser.add_argument("--against", type=Path, help="another checkout, with its environment installed")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="sessions a week")
    parser.add_argument("--turns", type=int, default=TURNS, help="how often each is measured")
    for hidden in ("--build", "--judge"):
        parser.add_argument(hidden, type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--sessions", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if options.build:
        build(options.build, options.sessions)
    elif options.judge:
        print(json.dumps(judge(options.judge, options.sessions)))
    else:
        print(section(options.against, options.sizes, options.turns))


if __name__ == "__main__":
    main()
