"""Summaries of weeks as they come, and as nobody wishes them; quality results to go with them."""

from __future__ import annotations

from datetime import datetime, timedelta

from greenery.figures import restatement, summary
from greenery.figures.rows import WeekRows
from greenery.messages.check_results import CheckResults

AS_OF = datetime(2023, 2, 1)
WEEK = timedelta(days=7)
SECOND, DAY = 1_000_000, 86_400_000_000
PACE = {"add_to_cart": (95, 460), "checkout": (240, 355), "package_shipped": (200_000, 330)}


def week(weeks_ago, sessions, add_to_cart, checkout, shipped, shipped_by_week_end=None, waiting=0):
    return {
        "weeks_ago": weeks_ago,
        "sessions": sessions,
        "page_view": sessions,
        "add_to_cart": add_to_cart,
        "checkout": checkout,
        "package_shipped": shipped,
        "shipped_by_week_end": shipped if shipped_by_week_end is None else shipped_by_week_end,
        "checkouts_not_shipped": waiting,
    }


def change(order_id, kind="status_changed", status_from="preparing", status_to="shipped", changed_columns="status"):
    return {
        "order_id": order_id,
        "change": kind,
        "status_from": status_from,
        "status_to": status_to,
        "changed_columns": changed_columns,
    }


def pace(**steps):
    """Return rows of pace.sql from (median seconds, sessions) of each step."""
    return [
        {"step": step, "sessions": sessions, "median_microseconds": seconds * SECOND}
        for step, (seconds, sessions) in steps.items()
    ]


def mover(dimension, name, before, now):
    """Return a row of movers.sql from (reached, sessions) of the week before and of the week."""
    return {
        "dimension": dimension,
        "value": f"value of {name}" if dimension == "product" else name,
        "name": name,
        "reached": now[0],
        "sessions": now[1],
        "reached_before": before[0],
        "sessions_before": before[1],
    }


def stuck(status, *orders, stays=120, days_95=6.5):
    """Return rows of stuck_orders.sql of a status from (order id, days)."""
    peers = {"status": status, "stays": stays, "microseconds_95": days_95 * DAY}
    if not orders:
        return [{**peers, "order_id": None, "since": None, "microseconds": None}]
    return [
        {**peers, "order_id": order_id, "since": AS_OF - timedelta(days=days), "microseconds": days * DAY}
        for order_id, days in orders
    ]


def build(*weeks, changes=(), previous_as_of=AS_OF - WEEK, **rows):
    found = WeekRows(as_of=AS_OF, previous_as_of=previous_as_of, sessions_by_week=weeks, order_changes=changes, **rows)
    return summary.build(found, 28)


def check(name, passed=True, severity="critical", **values):
    return {
        "check": name,
        "relation": "analytics.fct_sessions",
        "severity": severity,
        "owner": "data-team",
        "meaning": f"The meaning of {name}.",
        "runbook": f"docs/runbook.md#{name}",
        "passed": passed,
        "accepted": False,
        "silenced": None,
        "told_by": None,
        "observed": "0 rows",
        "expected": "none",
        "rows": 1234,
        "failing_rows": 0,
        "examples": [],
        **values,
    }


def quality(*checks, verdict="passed", landing_warnings=(), accepted=None):
    return CheckResults(
        as_of="2023-02-01T00:00:00+00:00",
        verdict=verdict,
        stays_admitted=False,
        way_out="extract" if verdict == "held" else None,
        accepted=accepted and {"observed": dict.fromkeys(accepted["checks"], "seen"), **accepted},
        checks=checks,
        landing_warnings=landing_warnings,
    )


CHANGES = [
    change("order-1"),
    change("order-2"),
    change("order-3", "new", None, "preparing", None),
    change("order-4", "removed", "preparing", None, None),
]
NORMAL = build(
    week(0, 578, 467, 361, 335),
    week(1, 560, 450, 342, 330),
    *[week(ago, 540 + 3 * ago, 430 + ago, 320 + 2 * ago, 310 + ago) for ago in range(2, 14)],
    changes=[
        *CHANGES,
        *[change(f"order-{number}", status_from="shipped", status_to="delivered") for number in range(10, 24)],
        change("order-5", "returned", None, "delivered", None),
    ],
    pace=pace(**PACE),
    movers=[
        mover("product", "Fern", (60, 130), (95, 140)),
        mover("country", "United States", (270, 430), (290, 441)),
        mover("country", "France", (72, 130), (71, 137)),
        mover("state", "Texas", (20, 40), (22, 41)),
    ],
    stuck_orders=[*stuck("preparing", ("order-30", 12), ("order-31", 9.5)), *stuck("shipped")],
)
FIRST = build(week(0, 578, 467, 361, 335), previous_as_of=None, pace=pace(**PACE))
EMPTY = build(week(103, 578, 467, 361, 335), changes=[change("order-1")])
GAP = build(
    week(0, 578, 467, 361, 335),
    week(1, 12, 9, 6, 6),
    changes=CHANGES,
    previous_as_of=AS_OF - 3 * WEEK,
    pace=pace(**PACE),
)
PROVISIONAL = build(
    week(0, 578, 467, 361, 80, waiting=281),
    week(1, 560, 450, 342, 300, shipped_by_week_end=90, waiting=42),
    *[week(ago, 550, 440, 330, 320, shipped_by_week_end=85) for ago in range(2, 8)],
    changes=CHANGES,
    pace=pace(**{**PACE, "package_shipped": (100_000, 80)}),
    movers=[mover("country", "United States", (342, 560), (361, 578))],
)
ZERO = build()
HUGE = build(
    week(0, 9_876_543_210, 8_765_432_109, 6_543_210_987, 5_432_109_876, waiting=1),
    week(1, 12_345_678_901, 10_123_456_789, 7_123_456_789, 6_123_456_789),
    changes=[change(f"order-{number}") for number in range(1500)],
    pace=pace(add_to_cart=(5, 8_765_432_109), checkout=(90_000, 6_543_210_987), package_shipped=(1, 5_432_109_876)),
    movers=[mover("country", "Chile", (7_123_456_789, 12_345_678_901), (6_543_210_987, 9_876_543_210))],
    stuck_orders=stuck("preparing", *[(f"order-{number}", 12_345.6) for number in range(40)], stays=9_876_543_210),
)
UPSIDE_DOWN = build(week(0, 10, 4, 5, 7), week(1, 9, 8, 6, 6), week(3, 9, 8, 6, 6))

MARKUP = "<script>alert(1)</script> & \"'>"
SLACK_MARKUP = "*bold* _it_ ~gone~ `code` <!channel> <@U1> :tada: https://example.com"
RIGHT_TO_LEFT = "\u05e9\u05b8\u05c1\u05dc\u05d5\u05b9\u05dd \u202egnp.exe\u202c"
EMOJI = "🌵" + "👩‍🌾" * 3
LONG = "Philodendron " * 23 + "x"
LINES = "two\r\nBcc: everyone@example.com"
HOSTILE_NAMES = (MARKUP, SLACK_MARKUP, RIGHT_TO_LEFT, EMOJI, LONG, LINES)
HOSTILE = build(
    week(0, 578, 467, 361, 335),
    week(1, 560, 450, 342, 330),
    changes=[
        *[change(name, status_from=name, status_to=MARKUP) for name in HOSTILE_NAMES],
        change(f"{SLACK_MARKUP} removed", "removed", SLACK_MARKUP, None, None),
        change("no status", status_from=None, status_to=""),
    ],
    movers=[mover("product", name, (60, 130), (95 - place, 140)) for place, name in enumerate(HOSTILE_NAMES)],
    stuck_orders=stuck(SLACK_MARKUP, (RIGHT_TO_LEFT, 12), (LONG, 11)),
)
EVERY_SUMMARY = {
    "normal": NORMAL,
    "first": FIRST,
    "empty": EMPTY,
    "gap": GAP,
    "provisional": PROVISIONAL,
    "zero": ZERO,
    "huge": HUGE,
    "upside down": UPSIDE_DOWN,
}
NORMAL_BEFORE = build(week(0, 570, 460, 350, 335), week(1, 560, 450, 342, 330), changes=CHANGES[:3], pace=pace(**PACE))
RESTATEMENT = restatement.compare(NORMAL_BEFORE.document(), NORMAL.document())

PASSED = quality(check("orders_unique"), check("sessions_unique"))
WARNED = quality(
    check("orders_unique"),
    check("sessions_near_history", False, "warning", observed="0.4 times", expected="0.5 to 2 times"),
    check(
        "unknown_states",
        False,
        "warning",
        silenced={"reason": "the shop is moving", "owner": "ana", "until": "2023-02-20"},
    ),
    landing_warnings=["orders: column gift_wrap is unknown"],
)
HELD = quality(
    check("sessions_unique", False, failing_rows=24, observed="12 ids twice", examples=[{"session_id": "s-1", "n": 2}]),
    check("volume", False, "warning", rows=None, failing_rows=None),
    check("orders_unique"),
    verdict="held",
    landing_warnings=["orders: column gift_wrap is unknown"],
)
ACCEPTED = quality(
    check("orders_unique"),
    check("sessions_near_history", False, accepted=True),
    verdict="accepted",
    accepted={"reason": "a sale began on Monday", "checks": ["sessions_near_history"]},
)
