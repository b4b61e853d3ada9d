"""The simulated shop: the form of its extracts, what holds in each, and what changes between them."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path

import duckdb
import pytest
from greenery.simulator.shop import Shop, simulate
from greenery.warehouse.statements import statement
from greenery.week import WEEK

from tests.program import greenery

FIRST = datetime(2025, 1, 8)
DEMO = Shop(FIRST, weeks=8)

COLUMNS = {
    "orders": "order_id user_id promo_id address_id created_at order_cost shipping_cost order_total tracking_id "
    "shipping_service estimated_delivery_at delivered_at status",
    "order_items": "order_id product_id quantity",
    "events": "event_id session_id user_id page_url created_at event_type order_id product_id",
    "users": "user_id first_name last_name email phone_number created_at updated_at address_id",
    "addresses": "address_id address zipcode state country",
    "products": "product_id name price inventory",
    "promos": "promo_id discount status",
}
KEYS = {table: columns.split()[0] for table, columns in COLUMNS.items()} | {"order_items": "order_id || product_id"}
OPTIONAL = {
    "orders": {"promo_id", "tracking_id", "shipping_service", "estimated_delivery_at", "delivered_at"},
    "events": {"user_id", "order_id", "product_id"},
}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


@pytest.fixture(scope="module")
def extracts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("demo")
    simulate(DEMO, out)
    return out


@pytest.fixture(scope="module")
def shop(extracts: Path) -> duckdb.DuckDBPyConnection:
    """All extracts of the demo in one relation a table, as text with typed times, and the as_of of each row."""
    connection = duckdb.connect()
    for table, columns in COLUMNS.items():
        times = [f"{c}::TIMESTAMP AS {c}" for c in columns.split() if c.endswith("_at")]
        connection.execute(
            f"""CREATE TABLE {table} AS
            SELECT * EXCLUDE (filename) {f"REPLACE ({', '.join(times)})" if times else ""},
                   regexp_extract(filename, '([0-9-]+)/[a-z_]+.csv$', 1)::TIMESTAMP AS as_of
            FROM read_csv('{extracts}/*/{table}.csv', all_varchar = true, filename = true)"""
        )
    return connection


def one(connection: duckdb.DuckDBPyConnection, query: str):
    row = connection.execute(query).fetchone()
    assert row is not None
    return row[0] if len(row) == 1 else row


def test_threads_do_not_change_a_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With enough sessions that DuckDB shares them among threads, and in Parquet, whose row groups could tell."""
    shop = Shop(FIRST, weeks=1, sessions_per_week=130_000, history_weeks=0, file_format="parquet")
    connect = duckdb.connect
    for threads in (1, 4):
        monkeypatch.setattr(duckdb, "connect", partial(connect, config={"threads": threads}))
        simulate(shop, tmp_path / str(threads))
    assert contents(tmp_path / "1") == contents(tmp_path / "4")


def test_the_demo_is_the_same_on_every_machine(extracts: Path) -> None:
    """If the simulation was changed on purpose, write the new digest here."""
    digest = hashlib.sha256()
    for name, content in contents(extracts).items():
        digest.update(name.encode() + content)
    assert digest.hexdigest() == "42eaabd4d0ba2b511c90814324547c200fe40919e490a4b30b38bde6c26cfd9f"


def test_seed_decides(extracts: Path, tmp_path: Path) -> None:
    simulate(DEMO, tmp_path / "again")
    simulate(Shop(FIRST, weeks=8, seed=2), tmp_path / "other")
    assert contents(tmp_path / "again") == contents(extracts)
    other = contents(tmp_path / "other")
    same = {name for name, content in contents(extracts).items() if other[name] == content}
    assert {Path(name).name for name in same} == {"promos.csv"}


def test_more_weeks_only_add_folders(extracts: Path, tmp_path: Path) -> None:
    folders = simulate(Shop(FIRST, weeks=3), tmp_path)
    assert folders == [tmp_path / name for name in ("2025-01-08", "2025-01-15", "2025-01-22")]
    assert folders == sorted(tmp_path.iterdir())
    for folder in folders:
        assert contents(folder) == contents(extracts / folder.name)


def test_folders_hold_the_seven_tables_in_the_form_of_the_source(extracts: Path) -> None:
    for week in range(8):
        folder = extracts / f"{FIRST + week * WEEK:%Y-%m-%d}"
        assert {file.name for file in folder.iterdir()} == {f"{table}.csv" for table in COLUMNS}
        for table, columns in COLUMNS.items():
            assert (folder / f"{table}.csv").read_text(encoding="utf-8").split("\n")[0] == columns.replace(" ", ",")
    events = (extracts / "2025-01-08" / "events.csv").read_text(encoding="utf-8").splitlines()[1:]
    uuid, time = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
    url = rf"https://greenery\.com/(product|checkout|shipping)/{uuid}"
    row = re.compile(rf"{uuid},{uuid},({uuid})?,{url},{time},[a-z_]+,({uuid})?,({uuid})?")
    assert [line for line in events if not row.fullmatch(line)] == []
    assert r'"Bird' in (extracts / "2025-01-08" / "products.csv").read_text(encoding="utf-8")


def test_parquet_holds_the_same_rows(extracts: Path, tmp_path: Path) -> None:
    (folder,) = simulate(Shop(FIRST, weeks=1, file_format="parquet"), tmp_path)
    for table, columns in COLUMNS.items():
        texts = ", ".join(
            f"strftime({c}::TIMESTAMP, '%Y-%m-%dT%H:%M:%SZ')" if c.endswith("_at") else f"{c}::VARCHAR"
            for c in columns.split()
        )
        query = f"SELECT {texts} FROM {{}}"
        written = duckdb.execute(query.format(f"'{folder / table}.parquet'")).fetchall()
        csv = f"read_csv('{extracts / folder.name / table}.csv', all_varchar = true)"
        assert written == duckdb.execute(query.format(csv)).fetchall()


@pytest.mark.parametrize("table", COLUMNS)
def test_keys_are_unique_and_required_columns_filled(shop: duckdb.DuckDBPyConnection, table: str) -> None:
    assert one(shop, f"SELECT count(*) = count(DISTINCT ({KEYS[table]}, as_of)) FROM {table}")
    for column in set(COLUMNS[table].split()) - OPTIONAL.get(table, set()):
        assert one(shop, f"SELECT count(*) FILTER (coalesce({column}::VARCHAR, '') = '') FROM {table}") == 0, column


@pytest.mark.parametrize(
    ("table", "column", "other"),
    [
        ("order_items", "order_id", "orders"),
        ("orders", "order_id", "order_items"),
        ("order_items", "product_id", "products"),
        ("orders", "user_id", "users"),
        ("orders", "promo_id", "promos"),
        ("events", "user_id", "users"),
        ("events", "product_id", "products"),
    ],
)
def test_references_hold_within_an_extract(
    shop: duckdb.DuckDBPyConnection, table: str, column: str, other: str
) -> None:
    missing = f"SELECT count(*) FROM {table} ANTI JOIN {other} USING (as_of, {column}) WHERE {column} IS NOT NULL"
    assert one(shop, missing) == 0


def test_only_two_users_have_an_unknown_address(shop: duckdb.DuckDBPyConnection) -> None:
    assert one(shop, "SELECT count(DISTINCT user_id) FROM users ANTI JOIN addresses USING (as_of, address_id)") == 2
    assert (
        one(
            shop,
            """SELECT count(*) FROM orders ANTI JOIN addresses USING (as_of, address_id)
            WHERE user_id NOT IN (SELECT user_id FROM users ANTI JOIN addresses USING (as_of, address_id))""",
        )
        == 0
    )


def test_nothing_is_shown_before_it_happened(shop: duckdb.DuckDBPyConnection) -> None:
    for table, column in (
        ("orders", "created_at"),
        ("orders", "delivered_at"),
        ("events", "created_at"),
        ("users", "created_at"),
        ("users", "updated_at"),
    ):
        assert one(shop, f"SELECT count(*) FROM {table} WHERE {column} >= as_of") == 0, (table, column)


def test_every_session_has_a_page_view_and_one_user(shop: duckdb.DuckDBPyConnection) -> None:
    sessions = "SELECT {} FROM events GROUP BY as_of, session_id HAVING {}"
    assert shop.execute(sessions.format("session_id", "NOT bool_or(event_type = 'page_view')")).fetchall() == []
    assert shop.execute(sessions.format("session_id", "count(DISTINCT user_id) > 1")).fetchall() == []
    empty = shop.execute(sessions.format("session_id", "count(user_id) = 0")).fetchall()
    partly = shop.execute(sessions.format("session_id", "count(user_id) BETWEEN 1 AND count(*) - 1")).fetchall()
    assert len(set(empty)) > 20
    assert len(set(partly)) > 20


def test_events_name_either_an_order_or_a_product(shop: duckdb.DuckDBPyConnection) -> None:
    kinds = shop.execute(
        """SELECT DISTINCT event_type, order_id IS NOT NULL, product_id IS NOT NULL,
            page_url = 'https://greenery.com/' || split_part(page_url, '/', 4) || '/' || coalesce(order_id, product_id),
            split_part(page_url, '/', 4)
        FROM events ORDER BY ALL"""
    ).fetchall()
    assert kinds == [
        ("add_to_cart", False, True, True, "product"),
        ("checkout", True, False, True, "checkout"),
        ("package_shipped", True, False, True, "shipping"),
        ("page_view", False, True, True, "product"),
    ]


def test_the_order_of_a_checkout_is_shown_unless_it_was_removed_after_an_extract_had_it(
    shop: duckdb.DuckDBPyConnection,
) -> None:
    without = shop.execute(
        """SELECT as_of, order_id FROM events ANTI JOIN orders USING (as_of, order_id)
        WHERE event_type IN ('checkout', 'package_shipped')"""
    ).fetchall()
    first_shown = dict(shop.execute("SELECT order_id, min(as_of) FROM orders GROUP BY order_id").fetchall())
    assert without
    assert all(first_shown[order_id] < as_of for as_of, order_id in without)
    assert all(as_of > FIRST for as_of, _ in without)


def test_a_shipment_belongs_to_its_checkout_and_to_the_order_as_shown(shop: duckdb.DuckDBPyConnection) -> None:
    assert one(
        shop,
        """SELECT bool_and(s.session_id = c.session_id AND s.created_at >= c.created_at + INTERVAL 2 HOUR)
        FROM events AS s INNER JOIN events AS c USING (as_of, order_id)
        WHERE s.event_type = 'package_shipped' AND c.event_type = 'checkout'""",
    )
    columns = ("tracking_id", "shipping_service", "estimated_delivery_at")
    for column in columns:
        assert one(shop, f"SELECT bool_and((status = 'preparing') = ({column} IS NULL)) FROM orders"), column
    assert one(shop, "SELECT bool_and((status = 'delivered') = (delivered_at IS NOT NULL)) FROM orders")
    sent_back = """SELECT DISTINCT order_id FROM orders AS o WHERE status = 'preparing'
        AND EXISTS (FROM orders AS p WHERE p.order_id = o.order_id AND p.as_of < o.as_of AND p.status = 'shipped')"""
    shipped_before = f"""SELECT DISTINCT order_id FROM orders
        SEMI JOIN (FROM events WHERE event_type = 'package_shipped') USING (as_of, order_id)
        WHERE status = 'preparing' AND as_of > '{FIRST}'"""
    assert one(shop, f"SELECT count(*) FROM ({shipped_before})") > 5
    assert shop.execute(f"{shipped_before} EXCEPT {sent_back}").fetchall() == []


def test_money_adds_up_to_the_cent(shop: duckdb.DuckDBPyConnection) -> None:
    assert one(
        shop,
        """SELECT bool_and(order_total::DECIMAL(12, 2) = order_cost::DECIMAL(12, 2) + shipping_cost::DECIMAL(12, 2)
            - coalesce(discount::INTEGER, 0)), min(order_total::DECIMAL(12, 2)) >= 0,
            count(promo_id) BETWEEN 0.05 * count(*) AND 0.2 * count(*)
        FROM orders LEFT JOIN promos USING (as_of, promo_id)""",
    ) == (True, True, True)
    this_week = """
        SELECT order_id, as_of, any_value(order_cost)::DECIMAL(12, 2) = sum(quantity::INTEGER * price::DECIMAL(12, 2))
        FROM orders
        INNER JOIN order_items USING (as_of, order_id)
        INNER JOIN products USING (as_of, product_id)
        WHERE created_at BETWEEN as_of - INTERVAL 7 DAYS AND as_of
        GROUP BY ALL"""
    costs = Counter(fits for _, _, fits in shop.execute(this_week).fetchall())
    # An order of a session that began just before the week has that week's price.
    assert costs[True] > 1000
    assert costs[False] <= 2


def test_prices_move_and_orders_keep_their_cost(shop: duckdb.DuckDBPyConnection) -> None:
    changed = "SELECT count(*) FROM (SELECT product_id FROM products GROUP BY ALL HAVING count(DISTINCT {}) > 1)"
    assert 3 < one(shop, changed.format("price")) < 30
    assert one(shop, changed.format("inventory")) == 30
    assert one(shop, "SELECT min(inventory::INTEGER) FROM products") >= 0
    kept = "SELECT count(*) FROM (SELECT order_id FROM orders GROUP BY ALL HAVING count(DISTINCT order_cost) > 1)"
    assert one(shop, kept) == 0


def test_users_sign_up_and_move(shop: duckdb.DuckDBPyConnection) -> None:
    counts = [row[0] for row in shop.execute("SELECT count(*) FROM users GROUP BY as_of ORDER BY as_of").fetchall()]
    assert all(before < after for before, after in pairwise(counts))
    moved = "SELECT user_id FROM users GROUP BY ALL HAVING count(DISTINCT address_id) = 2"
    assert 5 < one(shop, f"SELECT count(*) FROM ({moved})") < counts[-1] / 2
    stamped = "SELECT user_id FROM users GROUP BY ALL HAVING count(DISTINCT updated_at) = 2"
    assert sorted(shop.execute(moved).fetchall()) == sorted(shop.execute(stamped).fetchall())
    assert one(shop, "SELECT count(DISTINCT country) >= 4 AND count(DISTINCT state) >= 15 FROM addresses")
    assert one(shop, "SELECT bool_and(length(zipcode) = 5) AND bool_or(zipcode LIKE '0%') FROM addresses")


def test_events_only_grow_and_some_are_late(shop: duckdb.DuckDBPyConnection) -> None:
    shop.execute(
        """CREATE OR REPLACE TEMP TABLE known AS
        SELECT event_id, session_id, event_type, min(created_at) AS created_at, min(as_of) AS known_at,
            date_diff('day', min(as_of), max(as_of)) / 7 + 1 = count(*) AND max(as_of) = '2025-02-26' AS stays,
            count(DISTINCT (session_id, user_id, page_url, created_at, event_type, order_id, product_id)) AS contents
        FROM events GROUP BY ALL"""
    )
    assert one(shop, "SELECT bool_and(stays), max(contents) FROM known") == (True, 1)
    is_late = f"known_at - INTERVAL 7 DAYS > created_at AND known_at > '{FIRST}'"
    late = dict(shop.execute(f"SELECT event_type, count(*) FROM known WHERE {is_late} GROUP BY ALL").fetchall())
    assert set(late) == {"page_view", "add_to_cart", "checkout", "package_shipped"}
    assert 0.002 < sum(late.values()) / one(shop, "SELECT count(*) FROM known") < 0.03
    starts_later_known = """SELECT session_id FROM known
        GROUP BY session_id HAVING arg_min(known_at, created_at) > min(known_at)"""
    assert one(shop, f"SELECT count(*) FROM ({starts_later_known})") > 3


def test_orders_move_in_every_way(shop: duckdb.DuckDBPyConnection) -> None:
    rows = shop.execute("SELECT order_id, as_of, status, estimated_delivery_at FROM orders ORDER BY as_of").fetchall()
    orders: dict[str, dict[datetime, tuple[str, datetime]]] = {}
    for order_id, as_of, status, estimate in rows:
        orders.setdefault(order_id, {})[as_of] = (status, estimate)
    moves: Counter[tuple[str, str]] = Counter()
    for states in orders.values():
        for as_of, (status, estimate) in states.items():
            later_status, later_estimate = states.get(as_of + WEEK, (None, None))
            if as_of == FIRST + 7 * WEEK:
                continue
            if later_status is None:
                moves[status, "returns" if max(states) > as_of else "removed"] += 1
            elif later_status != status:
                moves[status, later_status] += 1
            elif later_estimate != estimate:
                moves[status, "new estimate"] += 1
            if (status, later_status) == ("shipped", "preparing") and as_of + 2 * WEEK in states:
                assert states[as_of + 2 * WEEK][0] != "preparing"
    towards = {what: {status for status, other in moves if other == what} for _, what in moves}
    assert towards["shipped"] == {"preparing"}
    assert towards["delivered"] == {"preparing", "shipped"}
    assert towards["preparing"] == {"shipped"}
    assert towards["new estimate"] == {"shipped"}
    assert towards["removed"]
    assert towards["returns"]
    assert moves["shipped", "new estimate"] > 10
    assert 0 < moves["shipped", "preparing"] < 0.1 * moves["shipped", "delivered"]


def steps(shop: duckdb.DuckDBPyConnection) -> dict[datetime, tuple[int, float, float, float]]:
    """Sessions, and the shares that add to cart, check out and ship, of each week by its end."""
    return {
        end: (sessions, *shares)
        for end, sessions, *shares in shop.execute(
            f"""WITH sessions AS (
                SELECT min(created_at) AS started_at, bool_or(event_type = 'add_to_cart')::INTEGER AS cart,
                    bool_or(event_type = 'checkout')::INTEGER AS checkout,
                    bool_or(event_type = 'package_shipped')::INTEGER AS shipped
                FROM events WHERE as_of = '2025-02-26' GROUP BY session_id
            )
            SELECT time_bucket(INTERVAL 7 DAYS, started_at, TIMESTAMP '{FIRST}') + INTERVAL 7 DAYS, count(*),
                avg(cart), avg(checkout), avg(shipped)
            FROM sessions GROUP BY 1 ORDER BY 1"""
        ).fetchall()
    }


def test_the_shop_grows_and_converts_plausibly(shop: duckdb.DuckDBPyConnection) -> None:
    weeks = steps(shop)
    assert list(weeks) == [FIRST + week * WEEK for week in range(-4, 8)]
    assert weeks[FIRST - 4 * WEEK][0] == 600
    assert weeks[FIRST + 5 * WEEK][0] > 1.15 * 600
    assert all(0.7 < cart < 0.85 for _, cart, _, _ in weeks.values())
    mature = [week for end, week in weeks.items() if end <= FIRST + 3 * WEEK]
    assert all(shipped > 0.95 * checkout for _, _, checkout, shipped in mature)
    assert weeks[FIRST + 7 * WEEK][3] < 0.8 * weeks[FIRST + 7 * WEEK][2]


def test_the_checkout_improves(shop: duckdb.DuckDBPyConnection) -> None:
    weeks = steps(shop)
    before = [checkout for end, (_, _, checkout, _) in weeks.items() if end < FIRST + 4 * WEEK]
    after = [checkout for end, (_, _, checkout, _) in weeks.items() if end >= FIRST + 4 * WEEK]
    assert sum(before) / len(before) == pytest.approx(0.40, abs=0.02)
    assert sum(after) / len(after) == pytest.approx(0.46, abs=0.025)


def test_days_hours_and_products_differ_in_weight(shop: duckdb.DuckDBPyConnection) -> None:
    views = "FROM events WHERE as_of = '2025-02-26' AND event_type = 'page_view' GROUP BY 1"
    days = dict(shop.execute(f"SELECT isodow(created_at), count(*) {views}").fetchall())
    assert min(days[6], days[7]) > max(days[1], days[2], days[3])
    hours = dict(shop.execute(f"SELECT hour(created_at), count(*) {views}").fetchall())
    assert hours[20] > 5 * hours[3]
    products = [row[0] for row in shop.execute(f"SELECT product_id, count(*) {views} ORDER BY 2 DESC").fetchall()]
    assert len(products) == 30
    names = dict(shop.execute("SELECT product_id, name FROM products").fetchall())
    assert [names[product] for product in products[:2]] == ["Pothos", "String of pearls"]
    assert {'Bird\'s "Nest" <Fern> & Co', "Fougère"} <= set(names.values())


def test_a_window_holds_only_its_events_and_says_so(extracts: Path, tmp_path: Path) -> None:
    folders = simulate(Shop(FIRST, weeks=2, events_window_days=14), tmp_path)
    for folder in folders:
        since = datetime.fromisoformat(folder.name) - timedelta(days=14)
        assert json.loads((folder / "_extract.json").read_text()) == {"events_since": f"{since:%Y-%m-%dT%H:%M:%SZ}"}
        whole = (extracts / folder.name / "events.csv").read_text().splitlines()
        expected = [line for line in whole[1:] if line.split(",")[4] >= f"{since:%Y-%m-%dT%H:%M:%SZ}"]
        assert (folder / "events.csv").read_text().splitlines()[1:] == expected
        assert 0 < len(expected) < len(whole) - 1
        rest = {name: content for name, content in contents(folder).items() if not name.startswith(("events", "_"))}
        assert rest.items() <= contents(extracts / folder.name).items()


def test_a_steady_shop_has_extracts_of_one_size(tmp_path: Path) -> None:
    shop = Shop(
        FIRST,
        weeks=6,
        sessions_per_week=200,
        history_weeks=13,
        events_window_days=28,
        improved_checkout_week=6,
        steady=True,
    )
    sizes = [
        [len((folder / f"{table}.csv").read_text().splitlines()) for table in ("users", "orders", "events")]
        for folder in simulate(shop, tmp_path)
    ]
    for users, orders, events in sizes:
        assert users == sizes[0][0]
        assert orders == pytest.approx(sizes[0][1], rel=0.1)
        assert events == pytest.approx(sizes[0][2], rel=0.1)


def test_what_is_there_is_left_alone_or_refused_but_never_overwritten(tmp_path: Path) -> None:
    shop = Shop(FIRST, weeks=2, sessions_per_week=20)
    first, second = simulate(shop, tmp_path)
    inode = first.stat().st_ino
    assert simulate(shop, tmp_path) == [first, second]
    assert first.stat().st_ino == inode

    events = second / "events.csv"
    changed = events.read_bytes().replace(b"page_view", b"page_vieW", 1)
    events.write_bytes(changed)
    with pytest.raises(ValueError, match=rf"{second} holds other content .*delete it"):
        simulate(shop, tmp_path)
    assert events.read_bytes() == changed

    events.unlink()
    with pytest.raises(ValueError, match="other content"):
        simulate(shop, tmp_path)
    assert sorted(tmp_path.iterdir()) == [first, second]


def test_a_failure_leaves_no_part_of_an_extract(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = {"simulator/extract/promos": "SELECT * FROM nowhere"}
    monkeypatch.setattr("greenery.simulator.shop.statement", lambda name: broken.get(name) or statement(name))
    with pytest.raises(duckdb.CatalogException):
        simulate(Shop(FIRST, weeks=1, sessions_per_week=20), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_smallest_shop_and_a_quote_in_the_path(tmp_path: Path) -> None:
    (folder,) = simulate(Shop(FIRST, weeks=1, sessions_per_week=1, history_weeks=0), tmp_path / "it's")
    assert (folder / "events.csv").read_text().count("page_view") >= 1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"first_as_of": datetime(2025, 1, 8, 1)}, "at 00:00"),
        ({"first_as_of": datetime.fromisoformat("2025-01-08T00:00:00Z")}, "naive"),
        ({"weeks": 0}, "weeks=0"),
        ({"sessions_per_week": 0}, "sessions_per_week=0"),
        ({"history_weeks": -1}, "history_weeks=-1"),
        ({"events_window_days": 0}, "events_window_days=0"),
        ({"file_format": "xlsx"}, "csv, parquet"),
    ],
)
def test_values_that_cannot_be_used_are_named(wrong: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Shop(**({"first_as_of": FIRST, "weeks": 1} | wrong))


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = [
        str(tmp_path),
        *["--weeks", "2", "--sessions", "20", "--history-weeks", "1", "--format", "parquet", "--first", "2025-03-05"],
    ]
    assert greenery("simulate", *options, "--events-window-days", "7") == 0
    expected = [tmp_path / "2025-03-05", tmp_path / "2025-03-12"]
    assert capsys.readouterr().out.split() == [str(folder) for folder in expected]
    assert all((folder / "events.parquet").exists() and (folder / "_extract.json").exists() for folder in expected)
    assert greenery("simulate", *options, "--seed", "2") == 2
    assert "holds other content" in capsys.readouterr().err
