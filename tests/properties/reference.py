"""What is reported, in plain Python straight from the definitions of the design: no SQL, nothing of the project.

An extract is its as_of, its tables as lists of dicts, and where its events begin. Everything here is a function of the
admitted extracts. Slow and simple on purpose.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

STEPS = ("page_view", "add_to_cart", "checkout", "package_shipped")
CHANGES = ("new", "status_changed", "details_changed", "removed", "returned")
ORDER_COLUMNS = (
    "user_id",
    "promo_id",
    "address_id",
    "created_at",
    "order_cost",
    "shipping_cost",
    "order_total",
    "tracking_id",
    "shipping_service",
    "estimated_delivery_at",
    "delivered_at",
    "status",
)


@dataclass
class Extract:
    """The state of the source at one instant; before events_since its events say nothing."""

    as_of: datetime
    tables: dict[str, list[dict]]
    events_since: datetime | None = None


def analytics(extracts: Iterable[Extract]) -> dict[str, list[dict]]:
    """Return the rows of all published relations, by relation."""
    extracts = _in_order(extracts)
    newest = extracts[-1].as_of
    sessions = _with_places(_sessions(known_events(extracts, newest)), extracts)
    session_products = _session_products(extracts, newest)
    dims = {
        "dim_products": newest_known(extracts, "products", "product_id"),
        "dim_users": newest_known(extracts, "users", "user_id"),
        "dim_addresses": newest_known(extracts, "addresses", "address_id"),
    }
    return {
        "orders_snapshot": orders_snapshot(extracts),
        "fct_order_changes": [change for extract in extracts for change in order_changes(extracts, extract.as_of)],
        "fct_sessions": sessions,
        "fct_session_products": session_products,
        "fct_funnel_daily": _funnel_daily(sessions, session_products),
        **{name: list(rows.values()) for name, rows in dims.items()},
    }


def summary(extracts: Iterable[Extract], as_of: datetime) -> dict:
    """Return the figures of the week that ends at `as_of`, as the design lists them for summary.json."""
    extracts = _in_order(extracts)
    sessions = _sessions(known_events(extracts, as_of))
    week = timedelta(days=7)

    def funnel(start: datetime, end: datetime) -> dict[str, int]:
        inside = [session for session in sessions if start <= session["started_at"] < end]
        reached = {step: sum(session[f"{step}_at"] is not None for session in inside) for step in STEPS}
        return {"sessions": len(inside), **reached}

    earlier = [extract.as_of for extract in extracts if extract.as_of < as_of]
    changes = order_changes(extracts, as_of)
    moves: dict[tuple, int] = {}
    for change in changes:
        if change["change"] == "status_changed":
            move = (change["status_from"], change["status_to"])
            moves[move] = moves.get(move, 0) + 1
    return {
        "as_of": _text(as_of),
        "week": {"start": _text(as_of - week), "end": _text(as_of)},
        "funnel": {
            "week": funnel(as_of - week, as_of),
            "previous_week": funnel(as_of - 2 * week, as_of - week),
            "all_time": funnel(datetime(1, 1, 1), as_of),
        },
        "order_changes": {
            "previous_as_of": _text(max(earlier)) if earlier else None,
            **{name: sum(change["change"] == name for change in changes) for name in CHANGES},
            "status_transitions": moves,
            "orders": sorted(
                ({name: change[name] for name in ("order_id", "change", "status_from", "status_to")}
                 for change in changes),
                key=lambda order: (order["change"], order["order_id"]),
            ),
        },
    }  # fmt: skip


def known_events(extracts: list[Extract], as_of: datetime) -> list[dict]:
    """Return the events known at `as_of`: in an extract until then and created before; as the earliest shows them."""
    found: dict[str, dict] = {}
    for extract in extracts:
        if extract.as_of <= as_of:
            for event in extract.tables["events"]:
                found.setdefault(event["event_id"], event)
    return [event for event in found.values() if event["created_at"] is not None and event["created_at"] < as_of]


def order_changes(extracts: list[Extract], as_of: datetime) -> list[dict]:
    """Return what changed between the extract as of `as_of` and the newest before it; nothing for the first of all."""
    before = [extract for extract in extracts if extract.as_of < as_of]
    if not before:
        return []
    current = _by(next(extract for extract in extracts if extract.as_of == as_of).tables["orders"], "order_id")
    previous = _by(before[-1].tables["orders"], "order_id")
    ever_seen = {order["order_id"] for extract in before for order in extract.tables["orders"]}
    found = []
    for order_id in {*current, *previous}:
        now, then = current.get(order_id), previous.get(order_id)
        differing = [name for name in ORDER_COLUMNS if now and then and now[name] != then[name]]
        if then is None:
            change = "returned" if order_id in ever_seen else "new"
        elif now is None:
            change = "removed"
        elif "status" in differing:
            change = "status_changed"
        elif differing:
            change = "details_changed"
        else:
            continue
        found.append(
            {
                "as_of": as_of,
                "previous_as_of": before[-1].as_of,
                "order_id": order_id,
                "change": change,
                "status_from": then["status"] if then else None,
                "status_to": now["status"] if now else None,
                "changed_columns": ", ".join(differing) or None,
            }
        )
    return found


def orders_snapshot(extracts: list[Extract]) -> list[dict]:
    """Return the versions of all orders, as a dbt snapshot run extract by extract would keep them."""
    versions: list[dict] = []
    lasting: dict[str, dict] = {}
    for extract in extracts:
        orders = _by(extract.tables["orders"], "order_id")
        for order_id, version in list(lasting.items()):
            order = orders.get(order_id)
            if order is None or any(order[name] != version[name] for name in ORDER_COLUMNS):
                version["dbt_valid_to"] = extract.as_of
                del lasting[order_id]
        for order_id, order in orders.items():
            if order_id not in lasting:
                key = f"{order_id}|{extract.as_of:%Y-%m-%d %H:%M:%S}"
                lasting[order_id] = {
                    **{name: order[name] for name in ("order_id", *ORDER_COLUMNS)},
                    "dbt_scd_id": hashlib.md5(key.encode(), usedforsecurity=False).hexdigest(),
                    "dbt_updated_at": extract.as_of,
                    "dbt_valid_from": extract.as_of,
                    "dbt_valid_to": None,
                }
                versions.append(lasting[order_id])
    return versions


def newest_known(extracts: list[Extract], table: str, key: str) -> dict[str, dict]:
    """Return each row of `table` by its key, as the last extract that has it shows it."""
    found: dict[str, dict] = {}
    for extract in extracts:
        found.update(_by(extract.tables[table], key))
    return found


def _sessions(events: list[dict]) -> list[dict]:
    by_session: dict[str, list[dict]] = {}
    for event in events:
        if event["session_id"] is not None:
            by_session.setdefault(event["session_id"], []).append(event)
    found = []
    for session_id, its_events in by_session.items():
        # Two users at the same instant: the smaller id, so that the answer is one.
        users = sorted((event["created_at"], event["user_id"]) for event in its_events if event["user_id"] is not None)
        found.append(
            {
                "session_id": session_id,
                "user_id": users[0][1] if users else None,
                "started_at": min(event["created_at"] for event in its_events),
                "ended_at": max(event["created_at"] for event in its_events),
                **_first_steps(its_events),
            }
        )
    return found


def _first_steps(events: list[dict]) -> dict[str, datetime | None]:
    return {
        f"{step}_at": min((event["created_at"] for event in events if event["event_type"] == step), default=None)
        for step in STEPS
    }


def _with_places(sessions: list[dict], extracts: list[Extract]) -> list[dict]:
    """Add country and state of each session's user, as last known."""
    users = newest_known(extracts, "users", "user_id")
    addresses = newest_known(extracts, "addresses", "address_id")
    found = []
    for session in sessions:
        user = users.get(session["user_id"], {})
        address = addresses.get(user.get("address_id"), {})
        country, state = (address.get(name) for name in ("country", "state"))
        unknown = {"country": "unknown" if country is None else country, "state": "unknown" if state is None else state}
        found.append({**session, **unknown})
    return found


def _session_products(extracts: list[Extract], as_of: datetime) -> list[dict]:
    order_items: dict[str, set[str]] = {}
    for extract in extracts:
        in_extract: dict[str, set[str]] = {}
        for item in extract.tables["order_items"]:
            in_extract.setdefault(item["order_id"], set()).add(item["product_id"])
        order_items.update(in_extract)
    meetings: dict[tuple[str, str], list[dict]] = {}
    for event in known_events(extracts, as_of):
        products: set[str] = set()
        if event["event_type"] in ("page_view", "add_to_cart") and event["product_id"] is not None:
            products = {event["product_id"]}
        elif event["event_type"] in ("checkout", "package_shipped"):
            products = order_items.get(event["order_id"], set())
        for product_id in products:
            if event["session_id"] is not None:
                meetings.setdefault((event["session_id"], product_id), []).append(event)
    return [
        {"session_id": session_id, "product_id": product_id, **_first_steps(events)}
        for (session_id, product_id), events in meetings.items()
    ]


def _funnel_daily(sessions: list[dict], session_products: list[dict]) -> list[dict]:
    by_id = {session["session_id"]: session for session in sessions}
    whole = [{**session, "product_id": "all"} for session in sessions]
    counts: dict[tuple, dict[str, int]] = {}
    for row in [*whole, *session_products]:
        session = by_id[row["session_id"]]
        key = (session["started_at"].date(), row["product_id"], session["country"], session["state"])
        count = counts.setdefault(key, dict.fromkeys(("sessions", *STEPS), 0))
        count["sessions"] += 1
        for step in STEPS:
            count[step] += row[f"{step}_at"] is not None
    names = ("session_date", "product_id", "country", "state")
    return [{**dict(zip(names, key, strict=True)), **count} for key, count in counts.items()]


def _in_order(extracts: Iterable[Extract]) -> list[Extract]:
    return sorted(extracts, key=lambda extract: extract.as_of)


def _by(rows: list[dict], key: str) -> dict[str, dict]:
    return {row[key]: row for row in rows}


def _text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}+00:00"
