"""A simulated plant shop that writes weekly extracts in the form of the real ones.

The shop is generated whole, with every future change of a row as a time of its own (shipped_at, moved_at, ...).
An extract is then a selection: what had happened before its as_of.
"""

from __future__ import annotations

import argparse
import filecmp
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path

import duckdb

from greenery.week import WEEK

FILE_FORMATS = {
    "csv": "FORMAT csv, HEADER, TIMESTAMPFORMAT '%Y-%m-%dT%H:%M:%SZ'",
    "parquet": "FORMAT parquet, COMPRESSION zstd",
}

STEADY_ORDERS_DAYS = 84


@dataclass(frozen=True)
class Shop:
    """What is simulated. Raises ValueError, naming the field, where a value can't be used.

    first_as_of: as_of of the first extract, naive UTC, at 00:00; the others follow every 7 days.
    weeks: number of weekly extracts.
    sessions_per_week: sessions in the first simulated week; each later week has 2 % of that number more.
    seed: another seed gives another shop.
    history_weeks: weeks of shop life before the week that the first extract ends.
    events_window_days: if set, events hold only those created in so many days before the as_of, and `_extract.json`
        says since when.
    improved_checkout_week: index of the extract (0 is the first) from whose week on more sessions check out. Fixed,
        so that a shop with more weeks keeps its earlier extracts; the default is the middle of 8 weeks.
    file_format: csv or parquet.
    steady: a shop that does not grow: every week has as many sessions, nobody signs up, and orders older than
        STEADY_ORDERS_DAYS are left out of the extracts. With a window of events all its extracts are of one size.
    """

    first_as_of: datetime
    weeks: int
    sessions_per_week: int = 600
    seed: int = 1
    history_weeks: int = 4
    events_window_days: int | None = None
    improved_checkout_week: int = 4
    file_format: str = "csv"
    steady: bool = False

    def __post_init__(self) -> None:
        if self.first_as_of.tzinfo or self.first_as_of.time() != time():
            raise ValueError(f"first_as_of={self.first_as_of} must be a naive UTC time at 00:00, such as 2025-01-08.")
        for field, least in (("weeks", 1), ("sessions_per_week", 1), ("history_weeks", 0), ("events_window_days", 1)):
            value = getattr(self, field)
            if value is not None and value < least:
                raise ValueError(f"{field}={value} is too small: use {least} or more.")
        if self.file_format not in FILE_FORMATS:
            raise ValueError(f"file_format={self.file_format!r} is unknown: use one of {', '.join(FILE_FORMATS)}.")


# Randomness is the md5 of seed, kind and key, which is also the row's id. It depends on neither threads nor row order,
# as random() does, nor on DuckDB's version, as hash() does, and a row keeps its draws however many weeks are simulated;
# a generator such as splitmix needs arithmetic that wraps around, where DuckDB raises. An md5 holds four draws of 32
# bits, each used for one thing only. Draws meet only + - * / and floor: the last digit of pow, exp or ln differs
# between machines.
DRAWS = """
CREATE MACRO make_id(kind, key) AS md5_number((getvariable('seed') || '/' || kind || '/') || key)::UUID;
CREATE MACRO draw(id, n) AS ((id::UHUGEINT >> (32 * n)::UHUGEINT) & 4294967295)::DOUBLE / 4294967296;
CREATE MACRO draw_integer(id, n, choices) AS floor(draw(id, n) * choices)::INTEGER;
CREATE MACRO draw_from(id, n, choices) AS choices[1 + draw_integer(id, n, len(choices))];
CREATE MACRO draw_delay_days(id, n, share) AS if(draw(id, n) < share, 3 + floor(draw(id, n) / share * 18), 0)::INTEGER;
"""

CATALOGUE = """
CREATE TABLE weeks AS
SELECT
    week,
    getvariable('opened_at') + to_weeks(week::INTEGER) AS starts_at,
    getvariable('sessions_per_week') * (100 + getvariable('growth_percent') * week) // 100 AS sessions,
    if(week < getvariable('improved_week'), 0.51, 0.59) AS checkout_share
FROM range(getvariable('weeks')) AS numbers (week);

-- A choice is as likely as it is often in its list.
SET VARIABLE hours_of_week = (
    WITH day_weights AS (
        SELECT
            day,
            [16, 10, 10, 11, 11, 13, 17][1 + dayofweek(getvariable('opened_at') + to_days(day::INTEGER))] AS weight
        FROM range(7) AS days (day)
    ),
    hour_weights AS (
        SELECT
            hour,
            [2, 1, 1, 1, 1, 2, 4, 6, 8, 9, 10, 10, 11, 10, 9, 9, 10, 12, 14, 16, 16, 13, 8, 4][1 + hour] AS weight
        FROM range(24) AS hours (hour)
    )
    SELECT list((day * 24 + hour)::INTEGER ORDER BY day, hour)
    FROM day_weights, hour_weights, unnest(range(day_weights.weight * hour_weights.weight))
);

SET VARIABLE places = (
    WITH places (state, country, zip_prefix, weight) AS (
        VALUES
            ('California', 'United States', '92', 14), ('Texas', 'United States', '77', 16),
            ('New York', 'United States', '10', 9), ('Florida', 'United States', '33', 8),
            ('Virginia', 'United States', '22', 7), ('Massachusetts', 'United States', '02', 5),
            ('New Jersey', 'United States', '07', 4), ('Washington', 'United States', '98', 4),
            ('Illinois', 'United States', '60', 4), ('Colorado', 'United States', '80', 3),
            ('Île-de-France', 'France', '75', 5), ('Bretagne', 'France', '35', 2),
            ('Bayern', 'Germany', '80', 4), ('Sachsen', 'Germany', '01', 2), ('Thüringen', 'Germany', '99', 1),
            ('Catalunya', 'Spain', '08', 3), ('Ciudad de México', 'Mexico', '06', 4), ('Jalisco', 'Mexico', '44', 2)
    )
    SELECT list({state: state, country: country, zip_prefix: zip_prefix} ORDER BY state)
    FROM places, unnest(range(weight))
);

CREATE TABLE promos (promo_id VARCHAR, discount INTEGER, status VARCHAR);
INSERT INTO promos VALUES
    ('digitized', 11, 'active'), ('instruction set', 13, 'inactive'), ('leverage', 10, 'active'),
    ('mandatory', 20, 'active'), ('optional', 0, 'inactive'), ('task-force', 2, 'active');

-- Most popular first: a product's place in the list is its rank.
CREATE TABLE products AS
WITH names (product, name, base_price) AS (
    VALUES
        (0, 'Pothos', 30.50), (1, 'String of pearls', 80.50), (2, 'Monstera', 50.75), (3, 'Fougère', 22.00),
        (4, 'Bird''s "Nest" <Fern> & Co', 15.50), (5, 'Philodendron', 45.00), (6, 'ZZ Plant', 25.00),
        (7, 'Snake Plant', 25.50), (8, 'Orchid', 50.75), (9, 'Bamboo', 15.25), (10, 'Calathea Makoyana', 40.25),
        (11, 'Peace Lily', 60.50), (12, 'Bird of Paradise', 65.00), (13, 'Fiddle Leaf Fig', 85.50),
        (14, 'Ficus, "Audrey"', 20.25), (15, 'Pilea Peperomioides', 20.50), (16, 'Angel Wings Begonia', 95.00),
        (17, 'Jade Plant', 15.00), (18, 'Arrow Head', 30.95), (19, 'Majesty Palm', 70.00), (20, 'Spider Plant', 15.00),
        (21, 'Money Tree', 30.50), (22, 'Cactus', 15.00), (23, 'Devil''s Ivy', 15.25), (24, 'Alocasia Polly', 95.00),
        (25, 'Pink Anthurium', 60.95), (26, 'Dragon Tree', 50.25), (27, 'Aloe Vera', 15.00),
        (28, 'Rubber Plant', 20.50), (29, 'Ponytail Palm', 80.75)
)
SELECT product, make_id('product', product) AS product_id, name, base_price
FROM names;
SET VARIABLE product_ids = (SELECT list(product_id ORDER BY product) FROM products);

CREATE TABLE prices AS
WITH moves AS (
    SELECT week, product, base_price, draw(make_id('price', week || '/' || product), 0) AS drawn
    FROM weeks, products
),
levels AS (
    SELECT
        week,
        product,
        base_price,
        sum(CASE WHEN drawn < 0.04 THEN 0.03 WHEN drawn > 0.97 THEN -0.03 ELSE 0.00 END)
            OVER (PARTITION BY product ORDER BY week) AS raised
    FROM moves
)
SELECT week, product, round(base_price * (1 + greatest(-0.30, least(0.60, raised))), 2)::DECIMAL(12, 2) AS price
FROM levels;
"""

# Users sign up evenly, so the users that exist at an instant are the numbers below a count in closed form: a session
# draws its user without a join.
USERS = """
CREATE MACRO first_users() AS greatest(60, getvariable('sessions_per_week') // 3);
CREATE MACRO signups_per_week() AS
    if(getvariable('growth_percent') = 0, 0, greatest(6, getvariable('sessions_per_week') // 20));
CREATE MACRO users_at(instant) AS
    first_users() + date_diff('second', getvariable('opened_at'), instant) * signups_per_week() // 604800;

CREATE TABLE users AS
WITH numbers AS (
    SELECT
        number,
        make_id('user', number) AS user_id,
        make_id('address', number) AS address_id,
        make_id('new address', number) AS new_address_id
    FROM range(users_at(getvariable('opened_at') + to_weeks(getvariable('weeks')))) AS numbers (number)
),
signups AS (
    SELECT
        *,
        getvariable('opened_at') + to_seconds(if(
            number < first_users(),
            -1 - draw_integer(user_id, 0, 2 * 365 * 86400),
            floor((number - first_users() + draw(user_id, 0)) * 604800 / signups_per_week())
        )::BIGINT) AS created_at
    FROM numbers
)
SELECT
    *,
    draw_from(user_id, 1, ['Keslie', 'Gerhard', 'Edithe', 'Zoë', 'Odette', 'Ciarán', 'Hilda', 'Ravi']) AS first_name,
    draw_from(user_id, 2, ['Hearmon', 'Kernan', 'O''Brien', 'Ødegård', 'de la Cruz', 'Smith', 'Müller']) AS last_name,
    'user' || number || '@example.com' AS email,
    '555-01' || lpad((number % 100)::VARCHAR, 2, '0') AS phone_number,
    if(
        draw(user_id, 3) < 0.3,
        greatest(created_at, getvariable('opened_at'))
        + to_hours(1 + draw_integer(new_address_id, 0, getvariable('moving_weeks') * 168)),
        NULL
    ) AS moved_at
FROM signups;

-- Two users have an address that is in no extract: where they live stays unknown.
CREATE TABLE addresses AS
WITH homes AS (
    SELECT address_id, created_at FROM users WHERE number NOT IN (3, 11)
    UNION ALL
    SELECT new_address_id, moved_at FROM users WHERE moved_at IS NOT NULL AND number NOT IN (3, 11)
),
located AS (
    SELECT *, draw_from(address_id, 1, getvariable('places')) AS place
    FROM homes
)
SELECT
    address_id,
    1 + draw_integer(address_id, 2, 9999) || ' ' || draw_from(
        make_id('street', address_id), 0, ['Artisan Park', 'Carberry Street', 'Rue de l''Église', '"Old" Mill Road, 2']
    ) AS address,
    place.zip_prefix || lpad(draw_integer(address_id, 3, 1000)::VARCHAR, 3, '0') AS zipcode,
    place.state,
    place.country,
    created_at
FROM located;
"""

# Carts come from a session's last pages. Where that leaves the first page out, the first page alone may be late: the
# session's start then becomes known after its other events, and a page view is still among those.
SESSIONS = """
CREATE TABLE session_numbers AS
SELECT week, starts_at AS week_starts_at, checkout_share, unnest(range(sessions)) + week * 1000000000 AS session
FROM weeks;

CREATE TABLE sessions AS
WITH identified AS (
    SELECT
        *,
        make_id('session', session) AS session_id,
        make_id('path', session) AS path_id,
        make_id('visitor', session) AS visitor_id
    FROM session_numbers
),
starts AS (
    SELECT
        *,
        draw_from(session_id, 0, getvariable('hours_of_week')) AS hour_of_week,
        week_starts_at + to_seconds(hour_of_week * 3600 + draw_integer(session_id, 1, 3600)) AS started_at
    FROM identified
),
visitors AS (
    SELECT
        *,
        make_id('user', draw_integer(session_id, 2, users_at(started_at))) AS account_id,
        draw(visitor_id, 0) < 0.02 AS is_guest,
        draw(visitor_id, 0) BETWEEN 0.02 AND 0.05 AS signs_in_later,
        draw(visitor_id, 0) > 0.98 AS buys_again
    FROM starts
),
carts AS (
    SELECT
        *,
        40 + draw_integer(session_id, 3, 80) AS page_seconds,
        1 + draw_integer(path_id, 0, 5) AS pages,
        if(draw(path_id, 1) < 0.78, 1 + draw_integer(path_id, 2, pages), 0) AS carts
    FROM visitors
)
SELECT
    session,
    session_id,
    week,
    if(is_guest, NULL, account_id) AS user_id,
    signs_in_later,
    started_at,
    page_seconds,
    pages,
    carts,
    NOT is_guest AND (carts > 0 OR buys_again) AND draw(path_id, 3) < checkout_share AS checks_out,
    draw_delay_days(visitor_id, 1, 0.004) AS delay_days,
    if(greatest(carts, 1) < pages, draw_delay_days(visitor_id, 2, 0.006), 0) AS first_page_delay_days
FROM carts;

CREATE TABLE pages AS
WITH numbered AS (
    SELECT *, unnest(range(pages)) AS page
    FROM sessions
),
identified AS (
    SELECT *, session * 10 + page AS page_number, make_id('page_view', page_number) AS page_view_id
    FROM numbered
),
products_viewed AS (
    SELECT *, floor(draw(page_view_id, 0) * draw(page_view_id, 0) * len(getvariable('product_ids')))::INTEGER AS product
    FROM identified
)
SELECT
    session,
    session_id,
    week,
    page_number,
    page_view_id,
    user_id,
    if(page = 0 AND signs_in_later, NULL, user_id) AS page_user_id,
    started_at + to_seconds(page * page_seconds) AS viewed_at,
    product,
    getvariable('product_ids')[1 + product] AS product_id,
    page >= pages - carts AS in_cart,
    checks_out AND page >= pages - greatest(carts, 1) AS is_bought,
    delay_days,
    if(page = 0, first_page_delay_days, 0) AS page_delay_days
FROM products_viewed;
"""

# A shipment sent back is seen as preparing by exactly one extract, since that state lasts a week; it was seen as
# shipped by the one before. An order is removed a week or more after it was made, so some extract has shown it.
ORDERS = """
CREATE TABLE order_items AS
SELECT
    make_id('order', session) AS order_id,
    week,
    product,
    product_id,
    price,
    sum(1 + draw_integer(page_view_id, 1, 3))::INTEGER AS quantity
FROM pages
INNER JOIN prices USING (week, product)
WHERE is_bought
GROUP BY ALL;

CREATE TABLE orders AS
WITH costs AS (
    SELECT order_id, sum(quantity * price)::DECIMAL(12, 2) AS order_cost
    FROM order_items
    GROUP BY order_id
),
checkouts AS (
    SELECT
        make_id('order', session) AS order_id,
        make_id('tracking', session) AS tracking_id,
        make_id('checkout', session) AS checkout_id,
        make_id('package_shipped', session) AS package_shipped_id,
        make_id('removal', session) AS removal_id,
        session_id,
        user_id,
        delay_days,
        started_at + to_seconds(pages * page_seconds) AS checkout_at
    FROM sessions
    WHERE checks_out
),
promo_numbers AS (
    SELECT promo_id, discount, row_number() OVER (ORDER BY promo_id) - 1 AS promo_number
    FROM promos
),
priced AS (
    SELECT
        checkouts.*,
        checkout_at - to_seconds(1 + draw_integer(order_id, 0, 4)) AS created_at,
        if(checkout_at > moved_at, new_address_id, address_id) AS address_id,
        promo_id,
        order_cost,
        ((100 + draw_integer(order_id, 1, 900)) / 100)::DECIMAL(12, 2) AS shipping_cost,
        order_cost + shipping_cost - coalesce(discount, 0) AS order_total
    FROM checkouts
    INNER JOIN costs USING (order_id)
    INNER JOIN users USING (user_id)
    LEFT JOIN promo_numbers ON promo_number = draw_integer(order_id, 2, 60) AND discount <= order_cost
),
lags AS (
    SELECT
        *,
        draw(tracking_id, 0) * draw(tracking_id, 0) AS lag,
        if(draw(tracking_id, 1) < 0.02, 1000, 500) AS most_hours,
        draw(tracking_id, 1) > 0.99 AS is_lost
    FROM priced
),
shipments AS (
    SELECT
        *,
        if(is_lost, NULL, checkout_at + to_seconds(7200 + floor(lag * lag * most_hours * 3600)::BIGINT)) AS shipped_at,
        draw(package_shipped_id, 0) < 0.08 AS is_delayed,
        draw(package_shipped_id, 0) < 0.015 AS is_sent_back,
        draw(removal_id, 0) < 0.01 AS is_removed,
        created_at + to_days(7 + draw_integer(removal_id, 1, 21)) AS removed_at
    FROM lags
)
SELECT
    * EXCLUDE (lag, most_hours, is_lost, is_removed, removed_at),
    draw_from(tracking_id, 2, ['ups', 'ups', 'ups', 'fedex', 'fedex', 'usps', 'dhl']) AS shipping_service,
    shipped_at + to_hours(if(is_delayed, 15, 1) * 24 + draw_integer(tracking_id, 3, 5 * 24)) AS delivered_at,
    if(is_sent_back, shipped_at + to_days(7), NULL) AS sent_back_at,
    if(is_removed AND removed_at > getvariable('first_as_of'), removed_at, NULL) AS removed_at,
    if(draw(removal_id, 2) < 0.5, removed_at + to_days(7 + draw_integer(removal_id, 3, 14)), NULL) AS returned_at
FROM shipments
ORDER BY created_at, order_id;
"""

EVENTS = """
CREATE TABLE events AS
WITH page_views AS (
    SELECT
        page_view_id AS event_id,
        session_id,
        page_user_id AS user_id,
        viewed_at AS created_at,
        'page_view' AS event_type,
        NULL::UUID AS order_id,
        product_id,
        delay_days + page_delay_days AS delay_days
    FROM pages
),
add_to_carts AS (
    SELECT
        make_id('add_to_cart', page_number) AS event_id,
        session_id,
        user_id,
        viewed_at + to_seconds(5 + draw_integer(event_id, 0, 30)) AS created_at,
        'add_to_cart' AS event_type,
        NULL::UUID AS order_id,
        product_id,
        delay_days + draw_delay_days(event_id, 1, 0.005) AS delay_days
    FROM pages
    WHERE in_cart
),
checkouts AS (
    SELECT
        checkout_id AS event_id,
        session_id,
        user_id,
        checkout_at AS created_at,
        'checkout' AS event_type,
        order_id,
        NULL::UUID AS product_id,
        delay_days + draw_delay_days(checkout_id, 0, 0.005) AS delay_days
    FROM orders
),
shipments AS (
    SELECT
        package_shipped_id AS event_id,
        session_id,
        user_id,
        shipped_at AS created_at,
        'package_shipped' AS event_type,
        order_id,
        NULL::UUID AS product_id,
        delay_days + draw_delay_days(package_shipped_id, 1, 0.02) AS delay_days
    FROM orders
    WHERE shipped_at IS NOT NULL
),
all_events AS (
    FROM page_views
    UNION ALL
    FROM add_to_carts
    UNION ALL
    FROM checkouts
    UNION ALL
    FROM shipments
)
SELECT * EXCLUDE (delay_days), created_at + to_days(delay_days) AS available_at
FROM all_events;
"""

# Each week starts with a little more of a product than it sold in the week before.
INVENTORY = """
CREATE TABLE product_weeks AS
WITH sales AS (
    SELECT week, product, sum(quantity) AS sold
    FROM order_items
    GROUP BY ALL
),
stocks AS (
    SELECT
        *,
        coalesce(sold, 0) AS gone,
        60 + draw_integer(make_id('stock', week || '/' || product), 0, 40)
        + lag(gone, 1, gone) OVER (PARTITION BY product ORDER BY week) * 11 // 10 AS stocked
    FROM prices
    LEFT JOIN sales USING (week, product)
)
SELECT
    getvariable('opened_at') + to_weeks(1 + week::INTEGER) AS as_of,
    product,
    price,
    greatest(0, stocked - gone)::INTEGER AS inventory
FROM stocks;
"""

# The order of rows, and where Parquet's row groups end, must not depend on the number of threads. So one thread puts
# the events together and writes all files; events keep the order in which they were made, sorting them would take
# longer than making them, and the smaller tables are sorted. Ids become text, so that Parquet has the types of the CSV.
ORDERS_AS_OF = """
CREATE OR REPLACE TEMP TABLE orders_as_of AS
WITH present AS (
    SELECT *, getvariable('as_of') AS as_of
    FROM orders
    WHERE created_at < as_of AND coalesce(created_at >= getvariable('orders_since'), true)
        AND NOT coalesce(removed_at <= as_of AND as_of < coalesce(returned_at, 'infinity'), false)
),
progress AS (
    SELECT
        *,
        coalesce(sent_back_at <= as_of AND as_of < sent_back_at + to_days(7), false) AS is_back,
        NOT is_back AND coalesce(shipped_at < as_of, false) AS has_shipped,
        has_shipped AND delivered_at < as_of AS has_arrived,
        is_delayed AND shipped_at + to_days(6) <= as_of AS has_new_estimate
    FROM present
)
SELECT
    order_id::VARCHAR AS order_id,
    user_id::VARCHAR AS user_id,
    promo_id,
    address_id::VARCHAR AS address_id,
    created_at,
    order_cost,
    shipping_cost,
    order_total,
    if(has_shipped, tracking_id, NULL)::VARCHAR AS tracking_id,
    if(has_shipped, shipping_service, NULL) AS shipping_service,
    if(has_shipped, shipped_at + to_days(if(has_new_estimate, 16, 3)), NULL) AS estimated_delivery_at,
    if(has_arrived, delivered_at, NULL) AS delivered_at,
    CASE WHEN has_arrived THEN 'delivered' WHEN has_shipped THEN 'shipped' ELSE 'preparing' END AS status
FROM progress;
"""

EXTRACT = {
    "orders": "SELECT * FROM orders_as_of",
    "order_items": """
        SELECT order_id::VARCHAR AS order_id, product_id::VARCHAR AS product_id, quantity
        FROM order_items
        WHERE order_id IN (SELECT order_id::UUID FROM orders_as_of)
        ORDER BY order_id, product_id
    """,
    "events": """
        SELECT
            event_id::VARCHAR AS event_id,
            session_id::VARCHAR AS session_id,
            user_id::VARCHAR AS user_id,
            'https://greenery.com/' || CASE event_type
                WHEN 'checkout' THEN 'checkout/' WHEN 'package_shipped' THEN 'shipping/' ELSE 'product/'
            END || coalesce(order_id, product_id) AS page_url,
            created_at,
            event_type,
            order_id::VARCHAR AS order_id,
            product_id::VARCHAR AS product_id
        FROM events
        WHERE available_at < getvariable('as_of') AND coalesce(created_at >= getvariable('events_since'), true)
    """,
    "users": """
        SELECT
            user_id::VARCHAR AS user_id,
            first_name,
            last_name,
            email,
            phone_number,
            created_at,
            if(moved_at < getvariable('as_of'), moved_at, created_at) AS updated_at,
            if(moved_at < getvariable('as_of'), new_address_id, address_id)::VARCHAR AS address_id
        FROM users
        WHERE created_at < getvariable('as_of')
        ORDER BY created_at, user_id
    """,
    "addresses": """
        SELECT address_id::VARCHAR AS address_id, address, zipcode, state, country
        FROM addresses
        WHERE created_at < getvariable('as_of')
        ORDER BY created_at, address_id
    """,
    "products": """
        SELECT product_id::VARCHAR AS product_id, name, price, inventory
        FROM products
        INNER JOIN product_weeks USING (product)
        WHERE as_of = getvariable('as_of')
        ORDER BY product
    """,
    "promos": "SELECT * FROM promos ORDER BY promo_id",
}


def simulate(shop: Shop, out: Path) -> list[Path]:
    """Write the extracts of `shop` to `<out>/<YYYY-MM-DD>/<table>.<file_format>`; return their folders, oldest first.

    The same shop gives the same bytes, and a shop with more weeks the same earlier folders (Parquet: for one version
    of DuckDB, which writes its name into the file). A folder that is there already with the same content is left
    alone. Raises ValueError at the first one with other content; nothing is ever overwritten.
    """
    out.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        _generate(connection, shop)
        return [_write(connection, shop, shop.first_as_of + week * WEEK, out) for week in range(shop.weeks)]


def _generate(connection: duckdb.DuckDBPyConnection, shop: Shop) -> None:
    variables: dict[str, int | datetime | None] = {
        "seed": shop.seed,
        "opened_at": shop.first_as_of - (shop.history_weeks + 1) * WEEK,
        "first_as_of": shop.first_as_of,
        "weeks": shop.history_weeks + shop.weeks,
        "sessions_per_week": shop.sessions_per_week,
        "improved_week": shop.history_weeks + shop.improved_checkout_week,
        "growth_percent": 0 if shop.steady else 2,
        "moving_weeks": 120 if shop.steady else 26,
    }
    _set(connection, variables)
    for script in (DRAWS, CATALOGUE, USERS, SESSIONS, ORDERS, INVENTORY, "SET threads = 1", EVENTS):
        connection.execute(script)


def _write(connection: duckdb.DuckDBPyConnection, shop: Shop, as_of: datetime, out: Path) -> Path:
    window = shop.events_window_days
    events_since = as_of - timedelta(days=window) if window else None
    orders_since = as_of - timedelta(days=STEADY_ORDERS_DAYS) if shop.steady else None
    _set(connection, {"as_of": as_of, "events_since": events_since, "orders_since": orders_since})
    connection.execute(ORDERS_AS_OF)
    folder = out / f"{as_of:%Y-%m-%d}"
    with tempfile.TemporaryDirectory(prefix=".simulating-", dir=out) as parent:
        draft = Path(parent) / folder.name
        draft.mkdir()
        for table, query in EXTRACT.items():
            file = str(draft / f"{table}.{shop.file_format}").replace("'", "''")
            connection.execute(f"COPY ({query}) TO '{file}' ({FILE_FORMATS[shop.file_format]})")
        if events_since:
            since = {"events_since": f"{events_since:%Y-%m-%dT%H:%M:%SZ}"}
            (draft / "_extract.json").write_text(json.dumps(since) + "\n")
        if not folder.exists():
            draft.rename(folder)
        elif not _same_content(draft, folder):
            raise ValueError(f"{folder} holds other content than this shop: delete it, or simulate to another folder.")
    return folder


def _set(connection: duckdb.DuckDBPyConnection, variables: Mapping[str, int | datetime | None]) -> None:
    for name, value in variables.items():
        connection.execute(f"SET VARIABLE {name} = ?", [value])


def _same_content(one: Path, other: Path) -> bool:
    names = {file.name for file in one.iterdir()}
    if names != {file.name for file in other.iterdir()}:
        return False
    return len(filecmp.cmpfiles(one, other, names, shallow=False)[0]) == len(names)


def main(arguments: Sequence[str] | None = None) -> None:
    """Simulate a shop from the command line; times are UTC. Ends with code 2 and a message where it can't."""
    parser = argparse.ArgumentParser(prog="python -m greenery.simulator.shop", description=main.__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder that gets one folder an extract")
    parser.add_argument("--first", type=datetime.fromisoformat, default=datetime(2025, 1, 8), help="first as_of")
    parser.add_argument("--weeks", type=int, default=8)
    parser.add_argument("--sessions", type=int, default=Shop.sessions_per_week, help="in the first simulated week")
    parser.add_argument("--seed", type=int, default=Shop.seed)
    parser.add_argument("--history-weeks", type=int, default=Shop.history_weeks)
    parser.add_argument("--events-window-days", type=int, default=Shop.events_window_days)
    parser.add_argument("--improved-checkout-week", type=int, default=Shop.improved_checkout_week)
    parser.add_argument("--format", choices=FILE_FORMATS, default=Shop.file_format)
    parser.add_argument("--steady", action="store_true", help="a shop that does not grow")
    options = parser.parse_args(arguments)
    try:
        shop = Shop(
            first_as_of=options.first,
            weeks=options.weeks,
            sessions_per_week=options.sessions,
            seed=options.seed,
            history_weeks=options.history_weeks,
            events_window_days=options.events_window_days,
            improved_checkout_week=options.improved_checkout_week,
            file_format=options.format,
            steady=options.steady,
        )
        for folder in simulate(shop, options.out):
            print(folder)
    except ValueError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
