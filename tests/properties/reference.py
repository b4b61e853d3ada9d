"""What is reported, in plain Python straight from the definitions of the design: no SQL, nothing of the project.

An extract is its as_of, its tables as lists of dicts, and where its events begin. Everything here is a function of the
admitted extracts. Slow and simple on purpose.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from statistics import median

WEEK = timedelta(days=7)
BACKDATED_AFTER = timedelta(days=30)
INSTANT = timedelta(microseconds=1)
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
        "fct_funnel_daily": _funnel_daily(sessions, sessions),
        "fct_product_funnel_daily": _funnel_daily(session_products, sessions, "product_id"),
        **{name: list(rows.values()) for name, rows in dims.items()},
    }


def summary(extracts: Iterable[Extract], as_of: datetime, maturity_days: int) -> dict:
    """Return the figures of the week that ends at `as_of`, as the design lists them for summary.json."""
    extracts = _in_order(extracts)
    sessions = _sessions(known_events(extracts, as_of))

    def funnel(start: datetime, end: datetime) -> dict[str, int]:
        inside = _between(sessions, start, end)
        reached = {step: sum(session[f"{step}_at"] is not None for session in inside) for step in STEPS}
        return {"sessions": len(inside), **reached}

    earlier = [extract.as_of for extract in extracts if extract.as_of < as_of]
    changes = order_changes(extracts, as_of)
    totals = newest_known([extract for extract in extracts if extract.as_of <= as_of], "orders", "order_id")
    products = order_products([extract for extract in extracts if extract.as_of <= as_of])
    starts = [session["started_at"].date() for session in sessions]
    moves: dict[tuple, int] = {}
    for change in changes:
        if change["change"] == "status_changed":
            move = (change["status_from"], change["status_to"])
            moves[move] = moves.get(move, 0) + 1
    return {
        "as_of": _text(as_of),
        "week": {"start": _text(as_of - WEEK), "end": _text(as_of)},
        "session_days": {"first": str(min(starts)), "last": str(max(starts))} if starts else None,
        "funnel": {
            "week": funnel(as_of - WEEK, as_of),
            "previous_week": funnel(as_of - 2 * WEEK, as_of - WEEK),
            "all_time": funnel(datetime(1, 1, 1), as_of),
        },
        "events_without_session": events_without_session(extracts, as_of),
        "pace": pace(_between(sessions, as_of - WEEK, as_of)),
        "against_median": {step: against_median(sessions, as_of, step, maturity_days) for step in STEPS},
        "four_weeks": {step: four_weeks(sessions, as_of, step, maturity_days) for step in STEPS},
        "order_changes": {
            "previous_as_of": _text(max(earlier)) if earlier else None,
            **{name: sum(change["change"] == name for change in changes) for name in CHANGES},
            "status_transitions": moves,
            "orders": sorted(
                ({
                    **{name: change[name] for name in ("order_id", "change", "status_from", "status_to")},
                    "order_total": _amount(totals[change["order_id"]]["order_total"]),
                    "products": products.get(change["order_id"]),
                } for change in changes),
                key=lambda order: (order["change"], order["order_id"]),
            ),
        },
    }  # fmt: skip


def pace(sessions: list[dict]) -> dict[str, tuple[int, int | None]]:
    """Return for each step but the first in how many sessions it followed the step before, and the median seconds."""
    found = {}
    for before, step in pairwise(STEPS):
        took = [
            session[f"{step}_at"] - session[f"{before}_at"]
            for session in sessions
            if session[f"{step}_at"]
            and session[f"{before}_at"]
            and session["started_at"] <= session[f"{before}_at"] <= session[f"{step}_at"]
        ]
        found[step] = (len(took), round(median(time / INSTANT for time in took) / 1_000_000) if took else None)
    return found


def against_median(sessions: list[dict], as_of: datetime, step: str, maturity_days: int) -> tuple[float | None, int]:
    """Return by how many points a step's conversion is above its median in the four weeks before, and in how many.

    Weeks without sessions are left out. If shipping is provisional in any of the five weeks, each counts what was
    shipped by its own end.
    """
    ends = [as_of - weeks * WEEK for weeks in range(5)]
    weeks = {end: _between(sessions, end - WEEK, end) for end in ends}
    immature = any(
        as_of < end + timedelta(days=maturity_days)
        and any(session["checkout_at"] and not session["package_shipped_at"] for session in weeks[end])
        for end in ends
    )
    conversions = {}
    for end, inside in weeks.items():
        reached = [session for session in inside if session[f"{step}_at"] is not None]
        if step == "package_shipped" and immature:
            reached = [session for session in reached if session["started_at"] <= session["package_shipped_at"] < end]
        if inside:
            conversions[end] = round(len(reached) / len(inside), 6)
    now, before = conversions.pop(as_of, None), list(conversions.values())
    if now is None or not before:
        return None, len(before)
    return round((now - median(before)) * 100, 4), len(before)


def _amount(total: Decimal | None) -> float | None:
    return None if total is None else float(total)


def four_weeks(
    sessions: list[dict], as_of: datetime, step: str, maturity_days: int
) -> tuple[int, int, int, int, float | None]:
    """Return the sessions of the last four weeks that reached a step, all of them, the same of the four before, and by
    how many points the share of the former is higher; None if any of these weeks has no session.

    If shipping is provisional in any of these weeks, each counts what was shipped by its own end.
    """
    ends = [as_of - weeks * WEEK for weeks in range(8)]
    immature = any(
        as_of < end + timedelta(days=maturity_days)
        and any(
            session["checkout_at"] and not session["package_shipped_at"]
            for session in _between(sessions, end - WEEK, end)
        )
        for end in ends
    )
    counts = []
    for end in ends:
        inside = _between(sessions, end - WEEK, end)
        reached = [session for session in inside if session[f"{step}_at"] is not None]
        if step == "package_shipped" and immature:
            reached = [session for session in reached if session["started_at"] <= session["package_shipped_at"] < end]
        counts.append((len(reached), len(inside)))
    reached, all_now = (sum(numbers) for numbers in zip(*counts[:4], strict=True))
    reached_before, all_before = (sum(numbers) for numbers in zip(*counts[4:], strict=True))
    change = None
    if all(inside for _, inside in counts):
        change = round((reached / all_now - reached_before / all_before) * 100, 4) + 0.0
    return reached, all_now, reached_before, all_before, change


def order_products(extracts: list[Extract]) -> dict[str, str]:
    """Return the products of each order with their quantities, as the last extract that has items for it shows them."""
    items: dict[str, list[dict]] = {}
    for extract in extracts:
        in_extract: dict[str, list[dict]] = {}
        for item in extract.tables["order_items"]:
            in_extract.setdefault(item["order_id"], []).append(item)
        items.update(in_extract)
    products = newest_known(extracts, "products", "product_id")

    def name(item: dict) -> str:
        found = products.get(item["product_id"], {}).get("name")
        return item["product_id"] if found is None else found

    return {
        order_id: ", ".join(
            name(item) if item["quantity"] in (None, 1) else f"{item['quantity']} x {name(item)}"
            for item in sorted(its_items, key=lambda item: (name(item), item["product_id"]))
        )
        for order_id, its_items in items.items()
    }


def movers(extracts: Iterable[Extract], as_of: datetime) -> list[dict]:
    """Return the checkouts of each product, country and state that has sessions in the week or in the week before."""
    extracts = [extract for extract in _in_order(extracts) if extract.as_of <= as_of]
    sessions = _with_places(_sessions(known_events(extracts, as_of)), extracts)
    names = {key: product["name"] for key, product in newest_known(extracts, "products", "product_id").items()}
    by_id = {session["session_id"]: session for session in sessions}
    met: list[tuple[str, str, dict, bool]] = [
        (place, session[place], session, session["checkout_at"] is not None)
        for session in sessions
        for place in ("country", "state")
    ]
    for row in _session_products(extracts, as_of):
        met.append(("product", row["product_id"], by_id[row["session_id"]], row["checkout_at"] is not None))
    found = []
    for dimension, value in sorted({(dimension, value) for dimension, value, _, _ in met}):
        counts = {}
        for suffix, end in (("", as_of), ("_before", as_of - WEEK)):
            reached = [
                reached
                for its_dimension, its_value, session, reached in met
                if (its_dimension, its_value) == (dimension, value) and end - WEEK <= session["started_at"] < end
            ]
            counts |= {f"sessions{suffix}": len(reached), f"reached{suffix}": sum(reached)}
        if counts["sessions"] or counts["sessions_before"]:
            name = names.get(value) if dimension == "product" else value
            found.append({"dimension": dimension, "value": value, "name": value if name is None else name, **counts})
    return found


def contribution(mover: dict, week: dict, previous_week: dict) -> dict[str, float | None]:
    """Return the points that a mover adds to the change of the share that checked out, of the counts of both weeks.

    Rate: the change of its own share at its mean part of the sessions. Mix: the change of its part of the sessions at
    its mean share, counted from that of all. A session meets several products, whose parts are so none: rate only.
    """
    part, part_before = mover["sessions"] / week["sessions"], mover["sessions_before"] / previous_week["sessions"]
    own, own_before = mover["reached"] / mover["sessions"], mover["reached_before"] / mover["sessions_before"]
    of_all = week["checkout"] / week["sessions"] + previous_week["checkout"] / previous_week["sessions"]
    rate = round(100 * (own - own_before) * (part + part_before) / 2, 4)
    mix = round(100 * (part - part_before) * (own + own_before - of_all) / 2, 4)
    if mover["dimension"] == "product":
        return {"contribution_pp": rate, "mix_pp": None, "rate_pp": rate}
    return {"contribution_pp": round(mix + rate, 4), "mix_pp": mix, "rate_pp": rate}


def stuck_orders(extracts: Iterable[Extract], as_of: datetime) -> dict[str, tuple[int, float, dict[str, datetime]]]:
    """Return for each status but the last that orders have left: how many times, the 95th percentile of the days in it,
    and the orders that are in it longer, with the time since when.

    An order that is away is in no status, and goes on with the one that it had when it comes back. An empty status says
    nothing. An order that is first seen as preparing is so since it was created.
    """  # fmt: skip
    extracts = [extract for extract in _in_order(extracts) if extract.as_of <= as_of]
    now: dict[str, tuple[str, datetime]] = {}
    ended: dict[str, list[timedelta]] = {}
    for extract in extracts:
        for order in extract.tables["orders"]:
            order_id, status = order["order_id"], order["status"]
            if status is None or (order_id in now and now[order_id][0] == status):
                continue
            if order_id in now:
                left, since = now[order_id]
                ended.setdefault(left, []).append(extract.as_of - since)
                now[order_id] = (status, extract.as_of)
            elif status == "preparing" and order["created_at"] is not None:
                now[order_id] = (status, min(order["created_at"], extract.as_of))
            else:
                now[order_id] = (status, extract.as_of)
    there = {order["order_id"]: order["status"] for order in extracts[-1].tables["orders"]}
    found = {}
    for status, times in ended.items():
        if status != "delivered":
            limit = _percentile_95(times)
            found[status] = (
                len(times),
                round(limit / timedelta(days=1), 6),
                {
                    order_id: since
                    for order_id, (its_status, since) in now.items()
                    if its_status == status == there.get(order_id) and as_of - since > limit
                },
            )
    return found


def _percentile_95(times: list[timedelta]) -> timedelta:
    """Return the value below which 95 % lie, between two of them in proportion."""
    times = sorted(times)
    place = 0.95 * (len(times) - 1)
    below = int(place)
    above = min(below + 1, len(times) - 1)
    return times[below] + (place - below) * (times[above] - times[below])


def known_events(extracts: list[Extract], as_of: datetime) -> list[dict]:
    """Return the events known at `as_of`: in an extract until then and created before; as the earliest shows them."""
    found = _first_shown(extracts, as_of)
    return [event for event in found.values() if event["created_at"] is not None and event["created_at"] < as_of]


def events_without_session(extracts: list[Extract], as_of: datetime) -> int:
    """Return how many of the events known at `as_of` happened in the week before it and have no session."""
    return sum(
        event["session_id"] is None and event["created_at"] >= as_of - WEEK for event in known_events(extracts, as_of)
    )


def _first_shown(extracts: list[Extract], as_of: datetime) -> dict[str, dict]:
    """Return each event as the earliest extract until `as_of` shows it, by its id, and whether it is backdated."""
    found: dict[str, dict] = {}
    before: Extract | None = None
    for extract in extracts:
        if extract.as_of <= as_of:
            for event in extract.tables["events"]:
                if event["event_id"] not in found:
                    found[event["event_id"]] = {**event, "backdated": _is_backdated(event, extract, before)}
            before = extract
    return found


def _is_backdated(event: dict, extract: Extract, before: Extract | None) -> bool:
    """Whether the extract before should have shown an event that only this one shows."""
    at = event["created_at"]
    if before is None or at is None or at >= before.as_of - BACKDATED_AFTER:
        return False
    covered = extract.events_since is None or at >= extract.events_since
    covered_before = before.events_since is None or at >= before.events_since
    return covered_before or not covered


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


def _between(sessions: list[dict], start: datetime, end: datetime) -> list[dict]:
    return [session for session in sessions if start <= session["started_at"] < end]


def _sessions(events: list[dict]) -> list[dict]:
    by_session: dict[str, list[dict]] = {}
    for event in events:
        if event["session_id"] is not None:
            by_session.setdefault(event["session_id"], []).append(event)
    found = []
    for session_id, its_events in by_session.items():
        started_at = _start(its_events)
        # Two users at the same instant: the smaller id, so that the answer is one.
        users = sorted(
            (event["created_at"] < started_at, event["created_at"], event["user_id"])
            for event in its_events
            if event["user_id"] is not None
        )
        found.append(
            {
                "session_id": session_id,
                "user_id": users[0][2] if users else None,
                "started_at": started_at,
                "ended_at": max(event["created_at"] for event in its_events),
                **_first_steps(its_events, started_at),
            }
        )
    return found


def _start(events: list[dict]) -> datetime:
    """Return when a session of these events starts: backdated ones date it only where there is no other."""
    times = [event["created_at"] for event in events if not event["backdated"]]
    return min(times or [event["created_at"] for event in events])


def _first_steps(events: list[dict], started_at: datetime) -> dict[str, datetime | None]:
    """Return the first time of each step; one before the session's start only where there is no other."""
    found: dict[str, datetime | None] = {}
    for step in STEPS:
        times = [event["created_at"] for event in events if event["event_type"] == step]
        found[f"{step}_at"] = min([time for time in times if time >= started_at] or times, default=None)
    return found


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
    sessions: dict[str, list[dict]] = {}
    for event in known_events(extracts, as_of):
        if event["session_id"] is not None:
            sessions.setdefault(event["session_id"], []).append(event)
        products: set[str] = set()
        if event["event_type"] in ("page_view", "add_to_cart") and event["product_id"] is not None:
            products = {event["product_id"]}
        elif event["event_type"] in ("checkout", "package_shipped"):
            products = order_items.get(event["order_id"], set())
        for product_id in products:
            if event["session_id"] is not None:
                meetings.setdefault((event["session_id"], product_id), []).append(event)
    return [
        {"session_id": session_id, "product_id": product_id, **_first_steps(events, _start(sessions[session_id]))}
        for (session_id, product_id), events in meetings.items()
    ]


def _funnel_daily(counted: list[dict], sessions: list[dict], *columns: str) -> list[dict]:
    """Count rows by the day and place of their sessions, and by columns of their own."""
    by_id = {session["session_id"]: session for session in sessions}
    counts: dict[tuple, dict[str, int]] = {}
    for row in counted:
        session = by_id[row["session_id"]]
        key = (session["started_at"].date(), session["country"], session["state"], *(row[name] for name in columns))
        count = counts.setdefault(key, dict.fromkeys(("sessions", *STEPS), 0))
        count["sessions"] += 1
        for step in STEPS:
            count[step] += row[f"{step}_at"] is not None
    names = ("session_date", "country", "state", *columns)
    return [{**dict(zip(names, key, strict=True)), **count} for key, count in counts.items()]


def _in_order(extracts: Iterable[Extract]) -> list[Extract]:
    return sorted(extracts, key=lambda extract: extract.as_of)


def _by(rows: list[dict], key: str) -> dict[str, dict]:
    return {row[key]: row for row in rows}


def _text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}+00:00"
