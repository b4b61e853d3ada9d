"""How fast the server answers the funnel page, alone and with many users at once.

A published version is written straight into a file: three years of sessions, 30 products and 60 states. Each question
is a selection that was not asked before, so no answer is kept. `--sessions 20000000` measures a larger shop.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import socket
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import date, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import duckdb
from greenery.build.known import BEGINNING
from greenery.warehouse.statements import statement

SESSIONS = 150_000
DAYS, PRODUCTS, STATES, USERS = 1099, 30, 60, 20
FIRST = date(2022, 1, 5)
QUESTIONS = 25

# One session in about 1.5 users; each meets one to three products; half check out, and nearly all of these ship.
SHOP = """
create schema analytics;
create schema intermediate;
create table intermediate.int_extract_pairs as
    select timestamp '{first}' + to_days(cast({days} - 7 * range as integer)) as as_of,
        case range when 0 then timestamp '{first}' + to_days({days} - 7) end as previous_as_of, 'p' || range as pair_id,
        'e' || range as extract_id
    from range(2);
create table intermediate.int_product_versions as
    select 'p' || range as product_id, 'Plant ' || range as name, timestamp '{first}' as as_of from range({products});
create table intermediate.int_address_versions as
    select 'a' || range as address_id, 'State ' || range % {states} as state,
        'Country ' || range % {states} // 20 as country, 'p0' as pair_id, timestamp '{first}' as as_of
    from range({sessions} // 15);
create table intermediate.int_user_versions as
    select 'u' || range as user_id, 'a' || range % ({sessions} // 15) as address_id, 'p0' as pair_id,
        timestamp '{first}' as as_of
    from range({sessions} * 2 // 3);
create temporary table drawn as
    select range as number, hash(range) % 1000000007 as chance,
        timestamp '{first}' + to_seconds(cast(hash(range, 1) % ({days} * 86400) as bigint)) as started_at
    from range({sessions});
create table intermediate.int_order_item_versions as
    select 'o' || number as order_id, 'p' || (chance + item) % {products} as product_id, 1 as quantity,
        'p0' as pair_id, timestamp '{first}' as as_of
    from drawn, range(2) as items(item) where chance % 2 = 0;
create table intermediate.int_session_steps as
    with steps as (
        select number, 'page_view' as event_type, item * 60 as after, 'p' || (chance + item) % {products} as product_id,
            null as order_id
        from drawn, range(3) as items(item) where chance % 3 >= item
        union all
        select number, 'add_to_cart', 90, 'p' || chance % {products}, null from drawn where chance % 4 > 0
        union all
        select number, 'checkout', 300, null, 'o' || number from drawn where chance % 2 = 0
        union all
        select number, 'package_shipped', 86400 * (1 + chance % 20), null, 'o' || number
        from drawn where chance % 2 = 0 and chance % 20 < 18
    )
    select 's' || number as session_id, event_type, 'u' || chance % ({sessions} * 2 // 3) as user_id, order_id,
        product_id, timestamp '{first}' as known_as_of, cast(null as timestamp) as backdated_at,
        started_at + to_seconds(cast(after as bigint)) as first_at,
        started_at + to_seconds(cast(after as bigint)) as last_at,
        1 as events
    from steps inner join drawn using (number);
create table analytics.dim_products as select product_id, name from intermediate.int_product_versions;
create table analytics.orders_snapshot as
    with versions as (
        select number, started_at, version from drawn, range(2) as versions(version)
        where chance % 2 = 0 and (version = 0 or chance % 100 = 0)
    )
    select 'o' || number as order_id, 'u1' as user_id, cast(null as varchar) as promo_id, 'a1' as address_id,
        started_at as created_at, cast(20 as decimal(18, 2)) as order_cost, cast(5 as decimal(18, 2)) as shipping_cost,
        cast(25 as decimal(18, 2)) as order_total, cast(null as varchar) as tracking_id,
        cast(null as varchar) as shipping_service, cast(null as timestamp) as estimated_delivery_at,
        cast(null as timestamp) as delivered_at, case version when 0 then 'preparing' else 'shipped' end as status,
        timestamp '{first}' + to_days({days} - 7 + 7 * cast(version as integer)) as dbt_valid_from,
        case
            when version = 0 and number in (select next.number from versions as next where next.version = 1)
                then timestamp '{first}' + to_days({days})
        end as dbt_valid_to
    from versions;
create table analytics.fct_order_changes as
    select dbt_valid_from as as_of, order_id, 'status_changed' as change, 'preparing' as status_from,
        status as status_to, 'status' as changed_columns
    from analytics.orders_snapshot where status = 'shipped';
"""


def publish(home: Path, sessions: int, version: int = 1) -> None:
    """Write a published version with so many sessions, and let readers find it."""
    folder = home / "versions" / str(version)
    folder.mkdir(parents=True)
    with duckdb.connect(folder / "greenery.duckdb") as connection:
        connection.execute(SHOP.format(sessions=sessions, first=FIRST, days=DAYS, products=PRODUCTS, states=STATES))
        given = {"as_of": datetime.combine(FIRST, datetime.min.time()) + timedelta(days=DAYS), "since": BEGINNING}
        for mart, name in (("fct_sessions", "known_sessions"), ("fct_session_products", "known_session_products")):
            connection.execute(f"create table analytics.{mart} as {statement(f'shared/{name}')}", given)
            connection.execute(f"create temporary view {name} as from analytics.{mart}")
    (folder / "manifest.json").write_text(json.dumps({"version": version}), encoding="utf-8")
    (home / "published").unlink(missing_ok=True)
    (home / "published").symlink_to(folder)


class Asking:
    """Random selections, none of them twice."""

    def __init__(self) -> None:
        self.chance = random.Random(3)  # noqa: S311
        self.asked: set[str] = set()

    def selection(self) -> dict[str, Any]:
        """Return the parameters of a selection that was not asked before."""
        while True:
            start = self.chance.randrange(DAYS - 60)
            chosen: dict[str, Any] = {
                "from": FIRST + timedelta(days=start),
                "to": FIRST + timedelta(days=start + self.chance.randrange(28, DAYS - start + 1)),
            }
            if self.chance.random() < 0.5:
                chosen["product"] = [f"p{number}" for number in self.chance.sample(range(PRODUCTS), 3)]
            if self.chance.random() < 0.5:
                chosen["state"] = [f"State {number}" for number in self.chance.sample(range(STATES), 5)]
            if str(chosen) not in self.asked:
                self.asked.add(str(chosen))
                return chosen


QUERIES: dict[str, tuple[str, dict[str, str]]] = {
    "funnel, compared with the period before": ("funnel", {"compare": "previous"}),
    "over time, by day": ("over-time", {"by": "day"}),
    "broken down by product": ("breakdown", {"by": "product"}),
    "broken down by state": ("breakdown", {"by": "state"}),
    "time between steps, by week": ("times", {"by": "week"}),
}


def serve(home: Path, port: int) -> None:
    """Serve the page's data without a login, as a process of its own: clients must not take its time."""
    import uvicorn
    from greenery.settings import Settings
    from greenery.web.funnel import app as web
    from greenery.web.funnel import security

    app = web.build(Settings(home=home, extracts=home / "extracts"))
    app.dependency_overrides[security.MAY_SEE.dependency] = lambda: None
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")


@contextmanager
def served(home: Path) -> Iterator[tuple[Any, Callable[[], float]]]:
    """Yield a client of the server, and a function that returns the seconds of processor time of its process."""
    import httpx
    import psutil

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = get_context("spawn").Process(target=serve, args=(home, port))
    process.start()
    try:
        limits = httpx.Limits(max_connections=USERS)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=600, limits=limits) as client:
            for _ in range(600):
                with suppress(httpx.ConnectError):
                    client.get("/")
                    break
                time.sleep(0.1)
            yield client, lambda: sum(psutil.Process(process.pid).cpu_times()[:2])
    finally:
        process.terminate()
        process.join()


def measure(sessions: int, log: Callable[[str], None]) -> list[list[str]]:
    """Return the rows of the table: milliseconds of each answer, alone and for 20 users at once."""
    logging.disable(logging.INFO)
    with tempfile.TemporaryDirectory(prefix="greenery-funnel-") as folder:
        home = Path(folder)
        # A small version before it: the server has imported all that it needs.
        publish(home, 1000)
        with served(home) as (client, processor):
            return _measured(client, processor, lambda: publish(home, sessions, 2), log)


def _measured(
    client: Any, processor: Callable[[], float], publish_large: Callable[[], None], log: Callable[[str], None]
) -> list[list[str]]:
    def first_view() -> float:
        """Ask for all that the page asks for at first, one after the other; return the seconds."""
        started = time.perf_counter()
        for path in ("options", *(path for path, _ in list(QUERIES.values())[:3])):
            assert client.get(f"/api/{path}").status_code == 200
        return time.perf_counter() - started

    first_view()
    publish_large()
    log("the sessions are published")
    first = first_view()
    asking = Asking()

    def ask(name: str) -> float:
        path, more = QUERIES[name]
        parameters = {**asking.selection(), **more}
        started = time.perf_counter()
        response = client.get(f"/api/{path}", params=parameters)
        took = time.perf_counter() - started
        assert response.status_code == 200, response.text
        return took

    def ask_after_a_while(name: str) -> float:
        """A person thinks between two clicks, a second on average."""
        time.sleep(random.uniform(0, 2))  # noqa: S311
        return ask(name)

    rows = [["the first view of a new version, all answers together", f"{first * 1000:,.0f}", "", ""]]
    for name in QUERIES:
        ask(name)
        cpu = processor()
        alone = [ask(name) for _ in range(QUESTIONS)]
        cpu = (processor() - cpu) / QUESTIONS
        with ThreadPoolExecutor(USERS) as users:
            many = list(users.map(ask_after_a_while, [name] * QUESTIONS * 4))
        rows.append(
            [
                name,
                f"{median(alone) * 1000:.0f}",
                f"{cpu * 1000:.0f}",
                f"{median(many) * 1000:.0f} / {quantiles(many, n=100)[98] * 1000:.0f}",
            ]
        )
        log(" | ".join(rows[-1]))
    return rows


def page_weight() -> int:
    """Return the bytes of the page's files, compressed, without the chart libraries."""
    import gzip

    from greenery.web.funnel.app import PAGE

    return sum(len(gzip.compress(file.read_bytes(), 5)) for file in PAGE.iterdir())


def section(sessions: int = SESSIONS) -> str:
    """Measure; return the section of docs/benchmarks.md."""
    rows = measure(sessions, lambda line: print(line, file=sys.stderr, flush=True))
    lines = [
        "## The funnel page",
        "",
        *textwrap.wrap(
            f"{sessions:,} sessions of three years, {PRODUCTS} products, {STATES} states. Every selection is new, so "
            "no answer is kept. Milliseconds until a client on the same machine has the answer, without the login. "
            f"{USERS} users ask at once, with a second between two clicks. The page's own files weigh "
            f"{page_weight() // 1024} KB compressed.",
            width=120,
        ),
        "",
        "| answer | alone, median | of the processor | 20 users, median / p99 |",
        "|---|---|---|---|",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.funnel_page", description=main.__doc__)
    parser.add_argument("--sessions", type=int, default=SESSIONS, help="how many sessions the shop has")
    print(section(parser.parse_args().sessions))


if __name__ == "__main__":
    main()
