"""What restatement.json says of two versions of a week."""

from __future__ import annotations

import pytest
from greenery.figures.restatement import agree, compare
from greenery.messages import restated


def summary(**changes) -> dict:
    return {
        "as_of": "2023-02-01T00:00:00+00:00",
        "funnel": {"week": {"sessions": 5, "checkout": 3}},
        "trend": [{"end": "2023-02-01T00:00:00+00:00", "sessions": 5, "provisional": ["package_shipped"]}],
        "order_changes": {
            "new": 1,
            "status_transitions": [{"from": "preparing", "to": "shipped", "orders": 1}],
            "orders": [
                {
                    "order_id": "o1",
                    "change": "new",
                    "status_from": None,
                    "status_to": "shipped",
                    "changed_columns": None,
                }
            ],
        },
        **changes,
    }


def test_equal_summaries_differ_in_nothing():
    assert compare(summary(), summary()).document() == {
        "as_of": "2023-02-01T00:00:00+00:00",
        "figures": [],
        "orders": [],
    }


def test_each_figure_and_order_that_differs_is_named_with_both_values():
    new = summary(
        funnel={"week": {"sessions": 6, "checkout": 3}},
        trend=[
            {"end": "2023-01-25T00:00:00+00:00", "sessions": 1, "provisional": []},
            {"end": "2023-02-01T00:00:00+00:00", "sessions": 6, "provisional": []},
        ],
        order_changes={
            "new": 0,
            "status_transitions": [],
            "orders": [
                {
                    "order_id": "o2",
                    "change": "returned",
                    "status_from": None,
                    "status_to": "shipped",
                    "changed_columns": None,
                }
            ],
        },
    )
    found = compare(summary(), new)
    assert {figure.figure: (figure.old, figure.new) for figure in found.figures} == {
        "funnel.week.sessions": (5, 6),
        "trend.2023-01-25.end": (None, "2023-01-25T00:00:00+00:00"),
        "trend.2023-01-25.sessions": (None, 1),
        "trend.2023-01-25.provisional": (None, []),
        "trend.2023-02-01.sessions": (5, 6),
        "trend.2023-02-01.provisional": (["package_shipped"], []),
        "order_changes.new": (1, 0),
        "order_changes.status_transitions.preparing > shipped.from": ("preparing", None),
        "order_changes.status_transitions.preparing > shipped.to": ("shipped", None),
        "order_changes.status_transitions.preparing > shipped.orders": (1, None),
    }
    assert [(order.order_id, order.old is None, order.new is None) for order in found.orders] == [
        ("o1", False, True),
        ("o2", True, False),
    ]
    assert restated.main_figures(found) == [("This week: sessions", "5", "6"), ("Orders: new", "1", "0")]


def test_movers_and_stuck_orders_are_compared_by_what_they_are_about():
    def rows(movers, stuck):
        return summary(
            movers={"compared": 2, "movers": movers}, order_changes={"stuck": {"orders": stuck}, "orders": []}
        )

    us = {"dimension": "country", "value": "US", "rate_pp": 1.5}
    fern = {"dimension": "product", "value": "p1", "rate_pp": -0.5}
    old = rows([us, fern], [{"order_id": "o1", "days": 12.0}, {"order_id": "o2", "days": 11.0}])
    new = rows([{**fern, "rate_pp": -2.0}, us], [{"order_id": "o2", "days": 11.0}])
    assert {figure.figure: (figure.old, figure.new) for figure in compare(old, new).figures} == {
        "movers.movers.product p1.rate_pp": (-0.5, -2.0),
        "order_changes.stuck.orders.o1.order_id": ("o1", None),
        "order_changes.stuck.orders.o1.days": (12.0, None),
    }


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        (summary(), True),
        (summary(added={"of": 1}), True),
        (summary(funnel={"week": {"sessions": 5}}), True),
        (summary(funnel={"week": {"sessions": 6}}), False),
        (summary(funnel=None), False),
        (summary(trend=[]), False),
    ],
    ids=["equal", "a key more", "a key less", "another figure", "nothing where a figure was", "a row less"],
)
def test_a_key_that_only_one_has_is_no_difference_and_a_row_is(new, expected):
    assert agree(summary(), new) is expected
    assert agree(new, summary()) is expected
