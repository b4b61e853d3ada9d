"""Plants every fault of the catalogue, judges hundreds of clean weeks, prints both tables, writes docs/proofs/gate.md.

`make prove-gate` runs it; tests/gate/test_gate.py runs a sample. Ends with 1 where a fault is not caught as it should
be, or a clean week holds or warns too much.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from greenery.messages.check_results import CheckResults
from greenery.quality.checks import CHECKS
from greenery.settings import REPOSITORY, Settings
from greenery.simulator.shop import Shop, simulate

from tests.gate.faults import FAULTS, Fault
from tests.gate.shop import failed, good_shop, problem, run_fault, run_week
from tests.proofs import FOLDER, commit
from tests.properties.replay import Recording, record, replayed

PAGE = FOLDER / "gate.md"
FIRST = datetime(2025, 1, 8)
# Sessions a week and how many shops of that size, each of eight weeks; from a shop that sells a few plants on.
SIZES = {4: 3, 12: 3, 30: 4, 60: 4, 150: 4, 300: 4, 700: 3, 1500: 2}
WEEKS = 8
# Among clean weeks, so many warnings a hundred weeks are next to none.
WARNINGS_A_HUNDRED = 2

HEADER = """# The quality gate: planted faults and clean weeks

Written by `make prove-gate` at commit `{commit}`; `make test` runs a sample of it. Each fault is planted into a good
week of a simulated shop with 1,200 sessions a week and nine weeks of history, which is then landed, built, tested and
judged as any other.
It has to be caught by the checks that the catalogue names, at their severity: a critical one holds the extract, a
warning is published and shown. A check that another tells of has no incident. The catalogue is
`tests/gate/faults.toml`; it names all that page.
"""


@dataclass(frozen=True)
class Shops:
    """What clean weeks of one size said."""

    sessions: int
    weeks: int
    found: list[tuple[str, str, str]]


def clean_weeks(recording: Recording, sessions: int, seed: int, weeks: int = WEEKS) -> list[tuple[str, str, str]]:
    """Run a clean simulated shop; return the checks that failed and are no info: week, check and severity."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        home = Settings(home=Path(folder) / "home", extracts=Path(folder) / "extracts")
        # Every other shop exports a window of its events only.
        shop = Shop(
            FIRST, weeks, sessions, seed, events_window_days=28 if seed % 2 else None, file_format="parquet",
            improved_checkout_week=4 if seed % 3 else weeks,
        )  # fmt: skip
        for path in simulate(shop, home.extracts):
            document = run_week(home, datetime.fromisoformat(path.name), replayed(recording))
            found += [
                (path.name, check, severity) for check, severity in failed(document).items() if severity != "info"
            ]
    return found


def plant_all(
    faults: Sequence[Fault], recording: Recording, say: Callable[[str], None]
) -> list[tuple[Fault, str, str]]:
    """Plant the faults; return each with what is told of, and what is wrong with that."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        good = good_shop(Path(folder) / "good", recording)
        for number, fault in enumerate(faults, 1):
            document = run_fault(good, fault, recording, Path(folder) / "planted")
            told = [check.check for check in CheckResults.model_validate(document).notified]
            wrong = problem(fault, document)
            rows.append((fault, ", ".join(fault.checks if fault.severity == "info" else told), wrong))
            say(f"fault {number:3} of {len(faults)}: {fault.name}: {wrong or 'as it should be'}")
    return rows


def judge_all(sizes: dict[int, int], recording: Recording, say: Callable[[str], None]) -> list[Shops]:
    """Judge clean weeks of shops of all sizes."""
    shops = []
    for sessions, number in sizes.items():
        found = []
        for seed in range(1, number + 1):
            found += clean_weeks(recording, sessions, seed)
        shops.append(Shops(sessions, number * WEEKS, found))
        say(f"clean: {number * WEEKS:3} weeks of {sessions:,} sessions: {len(found)} failed checks {found or ''}")
    return shops


def page(planted: list[tuple[Fault, str, str]], shops: list[Shops]) -> str:
    """Return both tables as Markdown."""
    caught = [(fault, found) for fault, found, wrong in planted if fault.severity and not wrong]
    missed = [fault for fault, _, wrong in planted if not fault.severity and not wrong]
    weeks = sum(shop.weeks for shop in shops)
    counted = Counter(fault.severity for fault, _ in caught)
    lines = [
        HEADER.format(commit=commit()),
        (
            f"{len(caught)} faults were planted and caught: {counted['critical']} as critical, {counted['warning']} as "
            f"warning, {counted['info']} as info. {len(missed)} more are known not to be caught."
        ),
        "",
        "| fault | planted in | caught as | incidents |",
        "|---|---|---|---|",
        *(f"| {fault.name} | {fault.where} | {fault.severity} | {found} |" for fault, found in caught),
        "",
        "## Known not to be caught",
        "",
        "| fault | why |",
        "|---|---|",
        *(f"| {fault.name} | {fault.reason} |" for fault in missed),
        "",
        "## Clean weeks",
        "",
        (
            f"{weeks} weeks of {weeks // WEEKS} simulated shops, with a trend, weekdays and hours of their own, orders "
            "sent back and removed, late events, users who move. Every other shop exports a window of its events only. "
            f"{len(CHECKS)} checks a week."
        ),
        "",
        "| sessions a week | weeks | critical | warnings |",
        "|---:|---:|---:|---|",
    ]
    for shop in shops:
        severities = Counter(severity for _, _, severity in shop.found)
        named = ", ".join(f"{count} of {check}" for check, count in Counter(c for _, c, _ in shop.found).items())
        lines.append(
            f"| {shop.sessions:,} | {shop.weeks} | {severities['critical']} | {severities['warning']}"
            f"{f' ({named})' if named else ''} |"
        )
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all and write the page; faults and clean weeks each have a process."""
    parser = argparse.ArgumentParser(prog="python -m tests.gate.report", description=main.__doc__)
    parser.add_argument("--fault", default="", help="plant only the faults whose name holds this; writes no page")
    options = parser.parse_args(arguments)
    start = time.monotonic()
    commit()

    def say(line: str) -> None:
        print(line, flush=True)

    with tempfile.TemporaryDirectory() as folder:
        recording = record(Path(folder))
    chosen = [fault for fault in FAULTS if options.fault in fault.name]
    if options.fault:
        return int(any(wrong for _, _, wrong in plant_all(chosen, recording, say)))
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        faults = pool.submit(plant_all, chosen, recording, say=_say)
        clean = pool.submit(judge_all, SIZES, recording, say=_say)
        planted, shops = faults.result(), clean.result()
    text = page(planted, shops)
    print(text)
    wrong = [f"{fault.name}: {problem}" for fault, _, problem in planted if problem]
    weeks, found = sum(shop.weeks for shop in shops), [row for shop in shops for row in shop.found]
    held = [row for row in found if row[2] == "critical"]
    for line in wrong + [f"clean week held: {row}" for row in held]:
        print(f"WRONG {line}", file=sys.stderr)
    if wrong or held or len(found) * 100 > WARNINGS_A_HUNDRED * weeks:
        return 1
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(text, encoding="utf-8")
    print(f"wrote {PAGE.relative_to(REPOSITORY)} after {(time.monotonic() - start) / 60:.0f} minutes")
    return 0


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
