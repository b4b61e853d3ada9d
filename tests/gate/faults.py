"""Faults to plant in a good week: each a small change to its extract, to what was landed of it, or to a built mart.

A fault is caught when the checks named fail, and when nothing more severe does than it deserves. The last ones are known
not to be caught, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
from greenery.source_tables import TABLES

# The extract of a fault's week, and the one before it; both end on a Wednesday.
BEFORE, AS_OF = datetime(2025, 1, 8), datetime(2025, 1, 15)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Fault:
    """A planted fault.

    where: 'extract' (statements on its tables, before it is landed), 'landing' or 'marts' (on the warehouse).
    statements: SQL; {week}, {as_of} and the like stand for times.
    severity: of the worst check that must fail; '' for a fault that is not caught. checks: all that must fail.
    reason: why it is not caught.
    """

    name: str
    where: str
    statements: tuple[str, ...]
    severity: str
    checks: tuple[str, ...] = ()
    reason: str = ""
    files: Callable[[Path, Path], None] | None = None


def extract(name: str, severity: str, checks: str, *statements: str) -> Fault:
    """Return a fault of the extract's files."""
    return Fault(name, "extract", statements, severity, tuple(checks.split()))


def marts(name: str, checks: str, *statements: str) -> Fault:
    """Return a fault of a built model: always critical."""
    return Fault(name, "marts", statements, "critical", tuple(checks.split()))


def missed(name: str, reason: str, *statements: str) -> Fault:
    """Return a fault of the extract that is not caught."""
    return Fault(name, "extract", statements, "", (), reason)


def plant(fault: Fault, extracts: Path) -> None:
    """Plant a fault into the files of the extract of AS_OF."""
    folder = extracts / f"{AS_OF:%Y-%m-%d}"
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'; set threads = 1")
        for table in TABLES:
            connection.execute(f"create table {table.name} as from '{folder / table.name}.parquet'")
            before = extracts / f"{BEFORE:%Y-%m-%d}" / table.name
            connection.execute(f"create table {table.name}_before as from '{before}.parquet'")
        for statement in fault.statements:
            connection.execute(text(statement))
        for table in TABLES:
            connection.execute(f"copy {table.name} to '{folder / table.name}.parquet' (format parquet)")


def text(statement: str) -> str:
    """Return a statement with its times."""
    return statement.format(
        as_of=f"timestamp '{AS_OF}'",
        week=f"timestamp '{BEFORE}'",
        saturday=f"timestamp '{AS_OF - 4 * DAY}'",
        new=f"created_at >= timestamp '{BEFORE}'",
    )


# New events of some sessions, or orders, chosen by their ids: about one in so many.
SOME = "hash({}) % {} = 0"
PRICED = "order_cost = order_cost * {0}, shipping_cost = shipping_cost * {0}, order_total = order_total * {0}"
POPULAR = "(select product_id from products_before order by name = 'Pothos' desc limit 1)"
RARE = "(select product_id from products_before order by name = 'Ponytail Palm' desc limit 1)"
FEW_ORDERS = "order_id in (select order_id from orders where {new} order by order_id limit 5)"
FEW_OLD = "order_id in (select order_id from orders where created_at < {week} order by order_id limit 5)"

TRACKING = (
    extract("a day of events is lost", "warning", "days_near_history", "delete from events where created_at >= {saturday} and created_at < {saturday} + interval 1 day"),
    extract("a busy hour of events is lost", "warning", "no_hour_is_lost", "delete from events where created_at >= {saturday} + interval 19 hour and created_at < {saturday} + interval 20 hour"),
    extract("half of the week's sessions are lost", "warning", "sessions_near_history", "delete from events where {new} and hash(session_id) % 2 = 0"),
    extract("the week's events are lost", "critical", "sessions_not_collapsed events_not_collapsed events_fresh", "delete from events where {new}"),
    extract("events.csv is empty", "critical", "extract_has_events", "delete from events"),
    extract("add_to_cart is not tracked", "critical", "events_not_collapsed conversion_not_collapsed", "delete from events where {new} and event_type = 'add_to_cart'"),
    extract("page_view is not tracked", "critical", "events_not_collapsed conversion_not_collapsed", "delete from events where {new} and event_type = 'page_view'"),
    extract("checkout is not tracked", "critical", "events_not_collapsed conversion_not_collapsed orders_have_checkouts", "delete from events where {new} and event_type = 'checkout'"),
    extract("package_shipped is not tracked", "critical", "events_not_collapsed", "delete from events where {new} and event_type = 'package_shipped'"),
    extract("half of the checkouts are not tracked", "warning", "conversion_near_history orders_have_checkouts", "delete from events where {new} and event_type = 'checkout' and hash(order_id) % 2 = 0"),
    extract("the login is not tracked", "critical", "users_known_near_history places_mostly_known", "update events set user_id = null where {new}"),
    extract("page views lose their product", "warning", "page_views_name_products_near_history", "update events set product_id = null where {new} and event_type = 'page_view'"),
    extract("carts lose their product", "warning", "carts_name_products", f"update events set product_id = null where {{new}} and event_type = 'add_to_cart' and {SOME.format('event_id', 100)}"),
    extract("checkouts lose their order", "warning", "order_events_name_orders", f"update events set order_id = null where {{new}} and event_type = 'checkout' and {SOME.format('event_id', 50)}"),
    extract("a type of event that is new", "warning", "event_types_known", f"update events set event_type = 'wishlist' where {{new}} and {SOME.format('event_id', 500)}"),
    extract("the types of events are renamed", "critical", "event_types_mostly_known", "update events set event_type = upper(event_type) where {new}"),
    extract("an old week of events is sent again under new ids", "warning", "events_arrive_in_time", "insert into events select * replace (uuid()::varchar as event_id) from events_before where created_at < {week} - interval 14 day and created_at >= {week} - interval 21 day"),
    extract("events of the extract before are gone", "warning", "events_stay", f"delete from events where created_at < {{week}} and {SOME.format('event_id', 500)}"),
    extract("events of the extract before differ", "warning", "events_unchanged", f"update events set product_id = {RARE} where created_at < {{week}} and product_id is not null and {SOME.format('event_id', 500)}"),
)  # fmt: skip

COPIES = (
    extract("a tenth of the sessions come twice, under new ids", "warning", "sessions_not_copied", "insert into events select * replace (event_id || 'x' as event_id, session_id || 'x' as session_id) from events where {new} and hash(session_id) % 10 = 0"),
    extract("all sessions come twice, under new ids", "critical", "sessions_mostly_not_copied orders_checked_out_once", "insert into events select * replace (event_id || 'x' as event_id, session_id || 'x' as session_id) from events where {new}"),
    extract("events come twice, under new ids", "warning", "events_not_copied", "insert into events select * replace (event_id || 'x' as event_id) from events where {new} and hash(event_id) % 5 = 0"),
    extract("orders come twice, under new ids", "warning", "orders_not_copied", f"insert into orders select * replace (order_id || 'x' as order_id) from orders where {FEW_ORDERS}", f"insert into order_items select * replace (order_id || 'x' as order_id) from order_items where {FEW_ORDERS}"),
    extract("an order is checked out in two sessions", "warning", "orders_checked_out_once", f"insert into events select * replace (event_id || 'x' as event_id, session_id || 'x' as session_id) from events where event_type = 'checkout' and {FEW_ORDERS}"),
    extract("a bot in one session", "warning", "sessions_of_human_size", "insert into events select * exclude (number) replace (event_id || number as event_id, created_at + to_seconds(number) as created_at) from (from events where {new} and event_type = 'page_view' order by event_id limit 1), range(3000) numbers (number)"),
    extract("a bot with one account", "warning", "no_user_floods", "insert into events select * exclude (number) replace (event_id || number as event_id, session_id || number as session_id, created_at + to_seconds(number * 97) as created_at) from (from events where {new} and created_at < {as_of} - interval 1 day and event_type = 'page_view' and user_id is not null order by event_id limit 1), range(400) numbers (number)"),
    extract("a flood of guests", "warning", "sessions_near_history users_known_near_history", "insert into events select * exclude (number) replace (event_id || number as event_id, session_id || number as session_id, null as user_id, {week} + to_seconds(number * 120) as created_at) from (from events where {new} and event_type = 'page_view' order by event_id limit 1), range(5000) numbers (number)"),
    extract("a flood of guests, twenty times the shop", "critical", "sessions_not_collapsed", "insert into events select * exclude (number) replace (event_id || number as event_id, session_id || number as session_id, null as user_id, {week} + to_seconds(number * 20) as created_at) from (from events where {new} and event_type = 'page_view' order by event_id limit 1), range(30000) numbers (number)"),
)  # fmt: skip

TIMES = (
    extract("new events are five hours ahead", "warning", "events_not_from_the_future hours_not_shifted checkouts_at_order_time", "update events set created_at = created_at + interval 5 hour where {new}"),
    extract("new events are eight hours behind", "warning", "hours_not_shifted checkouts_at_order_time", "update events set created_at = created_at - interval 8 hour where {new}"),
    extract("orders are two hours ahead of their events", "warning", "checkouts_at_order_time", "update orders set created_at = created_at + interval 2 hour where {new}"),
    extract("all events are moved by a time zone", "critical", "events_mostly_unchanged", "update events set created_at = created_at - interval 8 hour"),
    extract("some events are dated ahead", "warning", "events_not_from_the_future", f"update events set created_at = {{as_of}} + interval 400 day where {{new}} and {SOME.format('event_id', 500)}"),
    extract("new events have the wrong year", "critical", "events_mostly_not_from_the_future", "update events set created_at = created_at + interval 1 year where {new}"),
    extract("orders are dated ahead", "warning", "orders_not_from_the_future", f"update orders set created_at = {{as_of}} + interval 3 day where {FEW_ORDERS}"),
    extract("all orders have the wrong year", "critical", "orders_mostly_not_from_the_future orders_mostly_keep_their_facts", "update orders set created_at = created_at + interval 1 year"),
    extract("orders are delivered before they are made", "warning", "delivered_after_ordered", f"update orders set status = 'delivered', delivered_at = created_at - interval 1 day where {FEW_ORDERS}"),
    extract("orders are delivered in the future", "warning", "delivered_by_now", f"update orders set status = 'delivered', delivered_at = {{as_of}} + interval 1 day where {FEW_ORDERS}"),
    extract("packages are shipped before they are ordered", "warning", "shipped_after_checkout", "update events set created_at = (select min(created_at) from events others where others.order_id = events.order_id and others.event_type = 'checkout') - interval 5 minute where event_type = 'package_shipped' and order_id in (select order_id from events where {new} and event_type = 'checkout') and {new}"),
    extract("packages are shipped in a session of their own", "warning", "shipped_in_checkout_session", f"update events set session_id = event_id where event_type = 'package_shipped' and {{new}} and {SOME.format('event_id', 10)}"),
    extract("users are changed before they are made", "warning", "users_updated_after_created", f"update users set updated_at = created_at - interval 1 day where {SOME.format('user_id', 100)}"),
    extract("users are changed in the future", "warning", "users_not_from_the_future", f"update users set updated_at = {{as_of}} + interval 1 day where {SOME.format('user_id', 100)}"),
    extract("orders.csv is a week old", "warning", "orders_fresh checkouts_have_orders", "delete from orders", "insert into orders from orders_before", "delete from order_items", "insert into order_items from order_items_before"),
)  # fmt: skip

ORDERS = (
    extract("all orders are in cents", "critical", "orders_mostly_keep_their_facts order_cost_in_scale order_value_in_scale", f"update orders set {PRICED.format(100)}"),
    extract("new orders are in cents", "critical", "order_cost_in_scale order_value_in_scale", f"update orders set {PRICED.format(100)} where {{new}}"),
    extract("a fifth of the new orders are in cents", "warning", "order_cost_fits_items", f"update orders set {PRICED.format(100)} where {{new}} and {SOME.format('order_id', 5)}"),
    extract("new orders are in another currency", "warning", "order_cost_fits_items order_value_near_history", f"update orders set {PRICED.format(3)} where {{new}}"),
    extract("a total is wrong by a dollar", "warning", "order_total_adds_up", f"update orders set order_total = order_total + 1 where {FEW_ORDERS}"),
    extract("orders cost less than nothing", "warning", "order_amounts_not_negative", f"update orders set order_total = -order_total where {FEW_ORDERS}"),
    extract("old orders have another total", "warning", "orders_keep_their_facts", f"update orders set order_total = order_total + 5, shipping_cost = shipping_cost + 5 where {FEW_OLD}"),
    extract("delivered orders are back to preparing", "warning", "delivered_orders_stay", "update orders set status = 'preparing', delivered_at = null where order_id in (select order_id from orders_before where status = 'delivered' order by order_id limit 3)"),
    extract("half of the shipped orders are back to preparing", "warning", "shipped_orders_stay", "update orders set status = 'preparing', delivered_at = null where order_id in (select order_id from orders_before where status = 'shipped') and hash(order_id) % 2 = 0"),
    extract("an order that was shipped is back to preparing", "info", "orders_sent_back", "update orders set status = 'preparing', delivered_at = null where order_id in (select order_id from orders_before where status = 'shipped' order by order_id limit 1)"),
    extract("a status that is new", "warning", "order_statuses_known", f"update orders set status = 'lost' where {FEW_ORDERS}"),
    extract("the statuses are renamed", "critical", "order_statuses_mostly_known", "update orders set status = upper(status)"),
    extract("delivered orders have no time", "warning", "order_status_fits_delivery", f"update orders set status = 'delivered', delivered_at = null where {FEW_ORDERS}"),
    extract("the user of orders is unknown", "warning", "orders_have_users", f"update orders set user_id = 'nobody' where {FEW_ORDERS}"),
    extract("the promo of orders is unknown", "warning", "orders_have_promos", f"update orders set promo_id = 'none such' where {FEW_ORDERS}"),
    extract("orders lose their items", "warning", "orders_have_items", f"delete from order_items where {FEW_ORDERS}"),
    extract("a fifth of the orders is gone", "warning", "orders_stay", "delete from orders where created_at < {week} and hash(order_id) % 5 = 0", "delete from order_items where order_id not in (select order_id from orders)"),
    extract("the week's orders are lost", "warning", "orders_near_history checkouts_have_orders orders_fresh", "delete from orders where {new}", "delete from order_items where order_id not in (select order_id from orders)"),
    extract("items of orders that are nowhere", "warning", "items_have_orders", f"insert into order_items select * replace (order_id || 'x' as order_id) from order_items where {FEW_ORDERS}"),
    extract("new items name other orders", "critical", "items_mostly_have_orders orders_have_items", "update order_items set order_id = order_id || 'x' where order_id in (select order_id from orders where {new})"),
    extract("items of products that are nowhere", "warning", "items_have_products", f"update order_items set product_id = product_id || 'x' where {FEW_ORDERS}"),
    extract("new items name other products", "critical", "items_mostly_have_products", "update order_items set product_id = product_id || 'x' where order_id in (select order_id from orders where {new})"),
    extract("items of quantity 0", "warning", "item_quantities_positive", f"update order_items set quantity = 0 where {FEW_ORDERS}"),
    extract("checkouts of orders that are nowhere", "warning", "checkouts_have_orders", f"update events set order_id = order_id || 'x' where event_type = 'checkout' and {FEW_ORDERS}"),
)  # fmt: skip

CATALOGUE = (
    extract("prices are in cents", "critical", "prices_in_scale order_cost_in_scale", "update products set price = price * 100"),
    extract("a price jumps", "warning", "prices_steady", f"update products set price = price * 3 where product_id = {RARE}"),
    extract("a price is 0", "warning", "prices_positive", f"update products set price = 0 where product_id = {RARE}"),
    extract("less than none in stock", "warning", "inventory_not_negative", f"update products set inventory = -1 where product_id = {RARE}"),
    extract("two products swap their names", "warning", "product_names_not_swapped", f"update products set name = case when product_id = {RARE} then 'Pothos' else 'Ponytail Palm' end where product_id in ({RARE}, {POPULAR})"),
    extract("a third of the products is gone", "warning", "products_stay", "delete from products where product_id in (select product_id from products_before order by product_id limit 12)"),
    extract("product ids are swapped in events", "warning", "products_near_history", f"update events set product_id = case when product_id = {RARE} then {POPULAR} else {RARE} end where {{new}} and product_id in ({RARE}, {POPULAR})"),
    extract("product ids are shuffled in events", "warning", "bought_products_were_seen products_near_history", "create table mapping as select one.product_id, other.product_id as other_id from (select product_id, row_number() over (order by product_id) as n from products) one join (select product_id, row_number() over (order by hash(product_id)) as n from products) other using (n)", "update events set product_id = mapping.other_id from mapping where {new} and events.product_id = mapping.product_id"),
    extract("events of products that are nowhere", "warning", "events_have_products", f"update events set product_id = product_id || 'x' where {{new}} and product_id is not null and {SOME.format('event_id', 500)}"),
    extract("events name products by another id", "critical", "events_mostly_have_products", "update events set product_id = 'sku-' || product_id where {new} and product_id is not null"),
    extract("events of users that are nowhere", "warning", "events_have_users sessions_have_users", f"update events set user_id = user_id || 'x' where {{new}} and {SOME.format('session_id', 100)}"),
    extract("half of the states are empty", "warning", "required_columns_filled places_known addresses_keep_their_place", "update addresses set state = null where address_id in (select address_id from addresses order by hash(address_id) limit (select count(*) // 2 from addresses))"),
    extract("all states are empty", "critical", "required_columns_mostly_filled", "update addresses set state = null"),
    extract("an order's status is empty", "warning", "required_columns_filled", f"update orders set status = null where {FEW_ORDERS}"),
    extract("states are written in another way", "warning", "addresses_keep_their_place", "update addresses set state = upper(state)"),
    extract("a column that is new", "warning", "no_unknown_columns", "alter table promos add column valid_until varchar"),
)  # fmt: skip

WEEK_SESSION = "(select min(session_id) from marts.fct_sessions where started_at >= {week} and started_at < {as_of} and checkout_at is not null)"
MODELS = (
    marts("a session is there twice", "sessions_unique funnel_daily_equals_sessions", f"insert into marts.fct_sessions from marts.fct_sessions where session_id = {WEEK_SESSION}"),
    marts("a session is lost", "sessions_not_lost funnel_daily_equals_sessions", f"delete from marts.fct_sessions where session_id = {WEEK_SESSION}"),
    marts("a step is lost", "sessions_equal_events funnel_daily_equals_sessions", f"update marts.fct_sessions set checkout_at = null where session_id = {WEEK_SESSION}"),
    marts("a session starts at another time", "sessions_equal_events", f"update marts.fct_sessions set started_at = started_at + interval 1 second where session_id = {WEEK_SESSION}"),
    marts("a session's product is there twice", "session_products_unique", f"insert into marts.fct_session_products from marts.fct_session_products where session_id = {WEEK_SESSION}"),
    marts("a session's products are lost", "session_products_not_lost", f"delete from marts.fct_session_products where session_id = {WEEK_SESSION}"),
    marts("a product's step is before the session's", "session_products_within_sessions", f"update marts.fct_session_products set page_view_at = page_view_at - interval 1 day where session_id = {WEEK_SESSION}"),
    marts("a day's row is there twice", "funnel_daily_unique", "insert into marts.fct_funnel_daily from (from marts.fct_funnel_daily where session_date >= {week} and session_date < {as_of} order by all limit 1)"),
    marts("a day is lost", "funnel_daily_equals_sessions funnel_daily_equals_session_products", "delete from marts.fct_funnel_daily where session_date = {week} + interval 2 day"),
    marts("a product is counted in another country", "funnel_daily_equals_session_products", "update marts.fct_funnel_daily set country = 'Atlantis' where session_date = {week} + interval 2 day and product_id <> 'all' and country = 'France'"),
    *(
        marts(f"more {step} than sessions", f"{step}_within_sessions", f"update marts.fct_funnel_daily set {step} = sessions + 1 where session_date = {{week}} + interval 2 day and product_id = 'all'")
        for step in ("page_view", "add_to_cart", "checkout", "package_shipped")
    ),
    marts("an order's change is there twice", "order_changes_unique marts_reconcile", "insert into marts.fct_order_changes from (from marts.fct_order_changes where as_of = {as_of} order by order_id limit 1)"),
    marts("an order's change is lost", "marts_reconcile", "delete from marts.fct_order_changes where as_of = {as_of} and order_id = (select min(order_id) from marts.fct_order_changes where as_of = {as_of})"),
    marts("a version is there twice", "orders_have_one_version", "insert into marts.orders_snapshot from (from marts.orders_snapshot where dbt_valid_to is null order by order_id limit 1)"),
    marts("a version says something else", "orders_equal_snapshot", "update marts.orders_snapshot set order_total = order_total + 1 where dbt_valid_to is null and order_id = (select min(order_id) from marts.orders_snapshot where dbt_valid_to is null)"),
    marts("versions overlap", "orders_snapshot_versions_follow_each_other", "update marts.orders_snapshot set dbt_valid_to = dbt_valid_to + interval 7 day where dbt_valid_to = {as_of}"),
    marts("a product is lost", "marts_reconcile", "delete from marts.dim_products where name = 'Pothos'"),
    marts("users are there twice", "marts_reconcile", "insert into marts.dim_users from (from marts.dim_users order by user_id limit 1)"),
    marts("events are lost on the way", "marts_reconcile", "delete from intermediate.int_session_steps where known_as_of = {as_of} and event_type = 'page_view'"),
    Fault("an order is landed twice", "landing", ("insert into landing.orders from (from landing.orders where extract_id like '2025-01-15%' order by order_id limit 1)",), "critical", ("orders_unique",)),
)  # fmt: skip

MISSED = (
    missed("five events are lost", "five of six thousand are within any week's noise; only who sent them can count them", "delete from events where event_id in (select event_id from events where {new} order by event_id limit 5)"),
    missed("an hour of the night is lost", "a session or two start in it, and none does in many weeks", "delete from events where created_at >= {saturday} + interval 3 hour and created_at < {saturday} + interval 4 hour"),
    missed("orders and new events are one hour ahead", "daylight saving moves a shop by as much, twice a year", "update events set created_at = created_at + interval 1 hour where {new} and created_at < {as_of} - interval 1 hour", "update orders set created_at = created_at + interval 1 hour where {new} and created_at < {as_of} - interval 1 hour"),
    missed("conversion falls by a tenth", "weeks differ by as much; the report shows it, and whether it is more than noise", "delete from events where {new} and event_type = 'checkout' and hash(order_id) % 10 = 0"),
    missed("half of the addresses are gone", "a place once known stays known; only the share of unknown places would show new ones, and these are few", "delete from addresses where hash(address_id) % 2 = 0 and address_id in (select address_id from addresses_before)"),
    missed("two products of like popularity swap their ids in orders and events", "nothing in the extract says which is which", "update events set product_id = case product_id when (select product_id from products where name = 'Aloe Vera') then (select product_id from products where name = 'Dragon Tree') else (select product_id from products where name = 'Aloe Vera') end where {new} and product_id in (select product_id from products where name in ('Aloe Vera', 'Dragon Tree'))", "update order_items set product_id = case product_id when (select product_id from products where name = 'Aloe Vera') then (select product_id from products where name = 'Dragon Tree') else (select product_id from products where name = 'Aloe Vera') end where order_id in (select order_id from orders where {new}) and order_id in (select order_id from order_items group by order_id having count(case when product_id in (select product_id from products where name in ('Aloe Vera', 'Dragon Tree')) then 1 end) = 1) and product_id in (select product_id from products where name in ('Aloe Vera', 'Dragon Tree'))"),
    missed("product prices and orders are both in another currency, a third higher", "a shop may raise its prices by as much", "update products set price = price * 1.3"),
)  # fmt: skip

FAULTS = (*TRACKING, *COPIES, *TIMES, *ORDERS, *CATALOGUE, *MODELS, *MISSED)
