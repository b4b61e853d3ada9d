"""The week's orders against the weeks before."""

from __future__ import annotations

from greenery.quality.suite import AS_OF, SHOP, TIMES, Check, Suite

SUITE = Suite(
    "orders_by_week",
    "orders",
    checks=(
        Check(
            "orders_near_history",
            "warning",
            lambda gx: gx.ExpectFiguresNearTheWeeksBefore(
                reading="orders", min_value=0.5, max_value=2, unit=TIMES, as_of=AS_OF
            ),
            meaning="The number of the week's orders is between half and twice the number expected from previous "
            "weeks.",
            look="whether orders.csv is complete",
            remedy="shop",
            owner=SHOP,
        ),
    ),
)
