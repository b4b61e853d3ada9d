"""Every check passes on a good frame and fails, at its severity and with its rows named, on a planted fault."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
import pytest
from greenery.landing import land
from greenery.quality import KEYS, Verdict, suites, validate
from greenery.warehouse import connect, rows, statement

from tests.conftest import EVENT, small_shop, write_extract

GOOD = {
    "sessions": pd.DataFrame({"session_id": ["s1", "s2"]}),
    "session_products": pd.DataFrame({"session_id": ["s1", "s1"], "product_id": ["p1", "p2"]}),
    "funnel_daily": pd.DataFrame(
        {
            "session_date": [datetime(2023, 1, 9)] * 2,
            "product_id": ["all", "p1"],
            "country": ["US", "US"],
            "state": ["MA", "MA"],
            "sessions": [4, 2],
            "page_view": [4, 2],
            "add_to_cart": [3, 1],
            "checkout": [2, 1],
            "package_shipped": [1, 1],
        }
    ),
    "order_changes": pd.DataFrame({"order_id": ["o1", "o2"]}),
    "orders": pd.DataFrame(
        {
            "order_id": ["o1", "o2"],
            "snapshot_versions": [1, 1],
            "snapshot_content": ["equal", "equal"],
            "total_difference": [0.0, 0.01],
        }
    ),
    "checkouts": pd.DataFrame(
        {"event_id": ["e1"], "order_id": ["o1"], "order_known_as_of": [pd.Timestamp("2023-01-11")]}
    ),
    "reconciliation": pd.DataFrame({"measure": ["orders", "events"], "landed": [2, 3], "modelled": [2, 3]}),
    "required_columns": pd.DataFrame({"column": ["orders.status"], "empty": [0], "empty_share": [0.0]}),
    "events": pd.DataFrame({"events": [3], "gone": [0], "changed": [0]}),
    "freshness": pd.DataFrame({"newest_event_at": [datetime(2023, 1, 10)], "hours_before_as_of": [24.0]}),
    "history": pd.DataFrame({"sessions_ratio": [1.1], "checkout_pp": [-2.0]}),
}

# check: (frame, the planted values of its last row, severity, the example that names the row)
FAULTS = {
    "sessions_unique": ("sessions", {"session_id": "s1"}, "critical", {"session_id": "s1"}),
    "session_products_unique": (
        "session_products",
        {"product_id": "p1"},
        "critical",
        {"session_id": "s1", "product_id": "p1"},
    ),
    "funnel_daily_unique": ("funnel_daily", {"product_id": "all"}, "critical", {"product_id": "all"}),
    "page_view_within_sessions": ("funnel_daily", {"page_view": 3}, "critical", {"product_id": "p1"}),
    "add_to_cart_within_sessions": ("funnel_daily", {"add_to_cart": 3}, "critical", {"product_id": "p1"}),
    "checkout_within_sessions": ("funnel_daily", {"checkout": 3}, "critical", {"product_id": "p1"}),
    "package_shipped_within_sessions": ("funnel_daily", {"package_shipped": 3}, "critical", {"product_id": "p1"}),
    "order_changes_unique": ("order_changes", {"order_id": "o1"}, "critical", {"order_id": "o1"}),
    "orders_unique": ("orders", {"order_id": "o1"}, "critical", {"order_id": "o1"}),
    "orders_have_one_version": ("orders", {"snapshot_versions": 2}, "critical", {"order_id": "o2"}),
    "orders_equal_snapshot": ("orders", {"snapshot_content": "different"}, "critical", {"order_id": "o2"}),
    "order_total_adds_up": ("orders", {"total_difference": 0.02}, "warning", {"order_id": "o2"}),
    "checkouts_have_orders": ("checkouts", {"order_known_as_of": None}, "warning", {"event_id": "e1"}),
    "marts_reconcile": ("reconciliation", {"modelled": 4}, "critical", {"measure": "events"}),
    "required_columns_mostly_filled": (
        "required_columns",
        {"empty_share": 0.51},
        "critical",
        {"column": "orders.status"},
    ),
    "required_columns_filled": ("required_columns", {"empty": 1}, "warning", {"column": "orders.status"}),
    "extract_has_events": ("events", {"events": 0}, "critical", {"events": "0"}),
    "events_stay": ("events", {"gone": 1}, "warning", {"gone": "1"}),
    "events_unchanged": ("events", {"changed": 1}, "warning", {"changed": "1"}),
    "events_fresh": ("freshness", {"hours_before_as_of": 48.5}, "warning", {"hours_before_as_of": "48.5"}),
    "sessions_near_history": ("history", {"sessions_ratio": 0.4}, "warning", {"sessions_ratio": "0.4"}),
    "checkout_near_history": ("history", {"checkout_pp": 11.0}, "warning", {"checkout_pp": "11"}),
}


def test_good_frames_pass():
    checks = validate(GOOD)
    assert [check["check"] for check in checks if not check["passed"]] == []
    assert {check["check"] for check in checks} == set(FAULTS)


def test_empty_frames_pass():
    empty = {name: frame.iloc[:0] for name, frame in GOOD.items() if name not in ("events",)}
    assert [check["check"] for check in validate(empty) if not check["passed"]] == []


@pytest.mark.parametrize("id", FAULTS)
def test_a_planted_fault_is_caught_and_named(id):
    name, values, severity, example = FAULTS[id]
    spoiled = GOOD[name].copy()
    for column, value in values.items():
        spoiled[column] = [*spoiled[column].iloc[:-1], value]
    failed = [check for check in validate({name: spoiled}) if not check["passed"]]
    assert [(check["check"], check["severity"]) for check in failed] == [(id, severity)]
    assert failed[0]["failing_rows"] >= 1
    assert any(example.items() <= found.items() for found in failed[0]["examples"]), failed[0]["examples"]
    verdict = Verdict(failed)
    assert bool(verdict.failed_critical) == (severity == "critical")
    assert bool(verdict.failed_warnings) == (severity == "warning")


def test_every_frame_has_a_suite_and_every_check_a_meaning():
    assert set(suites()) == set(KEYS)
    for suite in suites().values():
        for expectation in suite.expectations:
            assert expectation.meta["meaning"].endswith(".")


def test_events_gone_and_changed_are_counted_within_the_window(home, as_of):
    def event(number: int, **values: str) -> dict:
        return {**EVENT, "event_id": f"e{number}", "created_at": f"2023-01-0{number}T10:00:00Z", **values}

    write_extract(home.extracts / "2023-01-11", {**small_shop(), "events": [event(n) for n in range(1, 9)]})
    later = [*(event(n) for n in range(5, 8)), event(8, event_type="checkout"), event(9)]
    folder = write_extract(home.extracts / "2023-01-18", {**small_shop(), "events": later})
    (folder / "_extract.json").write_text('{"events_since": "2023-01-04T00:00:00Z"}')
    first, second = land(home, as_of), land(home, datetime(2023, 1, 18))
    with connect(home) as connection:
        connection.execute("create schema intermediate")
        connection.execute(
            f"""
            create table intermediate.int_extract_pairs as
            select as_of, extract_id, events_since, '{first.extract_id}' as previous_extract_id
            from landing.extracts where extract_id = '{second.extract_id}'
            """
        )
        found = rows(connection, statement("quality/events"), {"as_of": datetime(2023, 1, 18)})
    # e4 is gone, e8 differs; e1 to e3 lie before the window.
    assert found == [{"events": 5, "gone": 1, "changed": 1}]
