"""A large shop, week by week: processor time, memory and disk of each step, beside SQL written by hand for the answers.

The hand-written SQL reads the same Parquet files and keeps what it needs in a DuckDB file of its own: every event once,
sessions, their products, both daily funnels, and the orders that changed. Its answers are compared with the marts.
"""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import tempfile
import textwrap
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
from greenery.settings import Settings
from greenery.simulator.shop import Shop, simulate
from greenery.source.tables import TABLES

from tests.bench import growth

SESSIONS, WEEKS = 75_000, 12
EARLY, LATE = 3, 12
STEPS = ("page_view", "add_to_cart", "checkout", "package_shipped")
MARTS = ("fct_funnel_daily", "fct_product_funnel_daily", "fct_order_changes")
GB = 1 << 30


class ByHand:
    """The same answers by SQL for exactly this shop: no event is corrected, no extract is late, nothing is checked."""

    def __init__(self, file: Path) -> None:
        self._connection = duckdb.connect(file)
        self._connection.execute("set TimeZone = 'UTC'")
        self._before: Path | None = None

    def week(self, folder: Path) -> None:
        """Add the extract of a week."""
        times = ", ".join(f"min(created_at) filter (event_type = '{step}') as {step}_at" for step in STEPS)
        counts = ", ".join(f"count({step}_at) as {step}" for step in STEPS)
        for table in ("events", "orders", "order_items", "users", "addresses"):
            self._run(f"create or replace temp view {table} as from '{folder}/{table}.parquet'")
        if self._before is None:
            self._run(
                f"create table known as from events where false; "
                f"create table sessions as select session_id, null::varchar as country, null::varchar as state, "
                f"min(created_at) as started_at, {times} from known group by session_id; "
                f"create table session_products as select session_id, product_id, {times} from known group by all; "
                "create table items as from order_items where false; "
                "create table order_changes (as_of timestamp, order_id varchar, change varchar)"
            )
        self._run("create or replace temp table added as from events anti join known using (event_id)")
        self._run("insert into known from added")
        # The items of an order that is gone are the last ones.
        self._run("delete from items where order_id in (select order_id from order_items)")
        self._run("insert into items from order_items")
        # Users move, and orders get other items, which changes sessions of earlier weeks.
        again = ["select session_id from added"]
        for table, key in (("order_items", "order_id"), ("users", "user_id")) if self._before else ():
            moved = f"(from {table} except from '{self._before}/{table}.parquet')"
            gone = f"(from '{self._before}/{table}.parquet' except from {table})"
            again += [f"select session_id from known semi join {other} using ({key})" for other in (moved, gone)]
        self._run(f"create or replace temp table again as {' union '.join(again)}")
        self._run("create or replace temp table changed as from known semi join again using (session_id)")
        for name in ("sessions", "session_products"):
            self._run(f"delete from {name} where session_id in (from again)")
        self._run(f"""
            insert into sessions
            with grouped as (
                select session_id, min(user_id) as user_id, min(created_at) as started_at, {times}
                from changed group by session_id
            )
            select session_id, coalesce(country, 'unknown'), coalesce(state, 'unknown'), started_at,
                {", ".join(f"{step}_at" for step in STEPS)}
            from grouped left join users using (user_id) left join addresses using (address_id)
        """)
        self._run(f"""
            insert into session_products
            with met as (
                select session_id, product_id, event_type, created_at from changed where product_id is not null
                union all
                select session_id, items.product_id, event_type, changed.created_at
                from changed inner join items using (order_id)
            )
            select session_id, product_id, {times} from met group by session_id, product_id
        """)
        self._run(f"""
            create or replace table fct_funnel_daily as
            select started_at::date as session_date, country, state, count(*) as sessions, {counts}
            from sessions group by all
        """)
        self._run(f"""
            create or replace table fct_product_funnel_daily as
            select started_at::date as session_date, product_id, country, state, count(*) as sessions,
                {", ".join(f"count(session_products.{step}_at) as {step}" for step in STEPS)}
            from session_products inner join sessions using (session_id) group by all
        """)
        if self._before:
            self._run(f"""
                insert into order_changes
                select '{folder.name}', coalesce(now.order_id, before.order_id), case
                    when before.order_id is null and now.order_id in (
                        select order_id from order_changes where change = 'removed'
                    ) then 'returned'
                    when before.order_id is null then 'new'
                    when now.order_id is null then 'removed'
                    when now.status <> before.status then 'status_changed'
                    else 'details_changed' end
                from orders as now full join '{self._before}/orders.parquet' as before using (order_id)
                where now is distinct from before
            """)
        self._run("create or replace view fct_order_changes as from order_changes")
        self._run("checkpoint")
        self._before = folder

    def _run(self, query: str) -> None:
        self._connection.execute(query)

    def check(self, published: Path) -> None:
        """Raise AssertionError unless the published marts have the same answers."""
        self._run(f"attach '{published}' as published (read_only)")
        try:
            for mart in MARTS:
                columns = "as_of, order_id, change" if mart == "fct_order_changes" else "*"
                sides = [f"select {columns} from {side}.{mart}" for side in ("main", "published.analytics")]
                for one, other in (sides, sides[::-1]):
                    query = f"select * from (from ({one}) except all from ({other})) limit 3"
                    differing = self._connection.execute(query).fetchall()
                    assert not differing, f"{mart}: {differing}"
        finally:
            self._run("detach published")


def new_rows(extracts: Path, folder: Path, before: Path | None) -> int:
    """Return the bytes of a Parquet file a table with the rows of an extract that the one before does not have."""
    total = 0
    with tempfile.TemporaryDirectory() as scratch, duckdb.connect() as connection:
        for table in TABLES:
            file = Path(scratch) / f"{table.name}.parquet"
            but = f"except from '{before}/{table.name}.parquet'" if before else ""
            connection.execute(
                f"copy (from '{folder}/{table.name}.parquet' {but}) to '{file}' (format parquet, compression zstd)"
            )
            total += file.stat().st_size
    return total


def peak() -> int:
    """Return the most memory (bytes) that this process has held since the last call."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    found = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return found


def size(folder: Path) -> int:
    """Return the bytes of a folder's files."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file() and not file.is_symlink())


def measure(folder: Path, sessions: int, weeks: int, memory: str, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """Run the weeks; return a row of figures a week: of `growth.measure`, of memory, of disk and of the SQL by hand."""
    home = Settings(home=folder / "home", extracts=folder / f"extracts-{sessions}", memory=memory)
    os.environ["GREENERY_MEMORY"] = memory
    say(f"Simulating {weeks} extracts of {sessions:,} new sessions a week")
    simulate(
        Shop(
            growth.FIRST,
            weeks=weeks,
            sessions_per_week=sessions,
            history_weeks=12,
            events_window_days=14,
            improved_checkout_week=weeks,
            file_format="parquet",
            steady=True,
        ),
        home.extracts,
    )
    by_hand, before, disk = ByHand(folder / "by_hand.duckdb"), None, 0
    rows: list[dict[str, Any]] = []
    peak()
    for figures in growth.measure(home, weeks, set(range(1, weeks + 1)), say):
        extract = sorted(home.extracts.iterdir())[figures["week"] - 1]
        figures["memory"] = peak()
        start = time.process_time()
        by_hand.week(extract)
        figures["by hand"] = time.process_time() - start
        by_hand.check(home.published.resolve() / "greenery.duckdb")
        figures["new bytes"] = new_rows(home.extracts, extract, before)
        kept = size(home.home)
        figures["disk"], disk, before = kept - disk, kept, extract
        rows.append(figures)
        peak()
    return rows


def table(measured: list[dict[str, Any]]) -> str:
    """Return the figures as Markdown."""
    names = (*growth.SECONDS, growth.ALL, "by hand")
    lines = [
        f"| week | extract rows | {' | '.join(names)} | all / by hand | memory, GB | disk added / new Parquet |",
        f"|---:|{'---:|' * (len(names) + 4)}",
    ]
    for figures in measured:
        seconds = [f"{figures[name]:.1f}" for name in names]
        more = [
            f"{figures[growth.ALL] / figures['by hand']:.1f}",
            f"{figures['memory'] / GB:.1f}",
            f"{figures['disk'] / figures['new bytes']:.1f}",
        ]
        cells = [str(figures["week"]), f"{figures['extract rows']:,}", *seconds, *more]
        lines.append(f"| {' | '.join(cells)} |")
    by_week = {figures["week"]: figures for figures in measured}
    if LATE in by_week:
        growing = [f"**{by_week[LATE][name] / by_week[EARLY][name]:.2f}**" for name in names]
        lines.append(f"| **{LATE} / {EARLY}** | | {' | '.join(growing)} | | | |")
    return "\n".join(lines) + "\n"


def section(sessions: int = SESSIONS, weeks: int = WEEKS, memory: str = "4GB", folder: Path | None = None) -> str:
    """Measure and return the section of the page.

    memory: what DuckDB may take. folder: keep extracts, warehouse and what is published there.
    """
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    place = folder or Path(tempfile.mkdtemp(prefix="greenery-large-"))
    try:
        measured = measure(place, sessions, weeks, memory, lambda line: print(line, flush=True))
    finally:
        if not folder:
            shutil.rmtree(place)
    intro = textwrap.wrap(
        f"A steady shop of {sessions:,} sessions a week, Parquet, events as a window of 14 days, in one process. "
        f"DuckDB may take {memory}. Seconds are of processor time; those of models and tests are of their SQL. "
        "By hand means SQL for the same answers. It reads the same files and checks nothing, and its answers were "
        "compared with the marts. Memory is the most that the process held. Disk is the growth of the home, over a "
        "Parquet file of the rows that the extract before does not have.",
        width=120,
    )
    return "\n".join(["## A large shop", "", *intro, "", table(measured)])


def main() -> None:
    """Measure and print the section. `--sessions 750000 --weeks 3` is a large shop, and takes an hour."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.large_shop", description=main.__doc__)
    parser.add_argument("--sessions", type=int, default=SESSIONS, help="new sessions a week")
    parser.add_argument("--weeks", type=int, default=WEEKS)
    parser.add_argument("--memory", default="4GB", help="what DuckDB may take")
    parser.add_argument("--folder", type=Path, help="keep extracts, warehouse and what is published there")
    options = parser.parse_args()
    print(section(options.sessions, options.weeks, options.memory, options.folder))


if __name__ == "__main__":
    main()
