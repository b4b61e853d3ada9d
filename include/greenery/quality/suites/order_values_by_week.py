"""The totals of the week's orders against the weeks before."""

from __future__ import annotations

from greenery.quality.suite import AS_OF, SHOP, TIMES, Check, Suite

SUITE = Suite(
    "order_values_by_week",
    "orders",
    checks=(
        Check(
            "order_value_near_history",
            "warning",
            lambda gx: gx.ExpectFiguresNearTheWeeksBefore(
                reading="order_values", min_value=0.5, max_value=2, unit=TIMES, as_of=AS_OF
            ),
            meaning="The median total of the week's orders is between half and twice the median of previous weeks.",
            look="whether orders.csv is in another currency",
            remedy="shop",
            owner=SHOP,
        ),
        Check(
            "order_value_in_scale",
            "critical",
            lambda gx: gx.ExpectFiguresNearTheWeeksBefore(
                reading="order_values", min_value=0.1, max_value=10, unit=TIMES, as_of=AS_OF
            ),
            meaning="The median total of the week's orders is between a tenth and ten times the median of previous "
            "weeks.",
            look="whether orders.csv is in cents",
            remedy="accept",
            owner=SHOP,
            acceptable=True,
            covers=("order_value_near_history",),
        ),
    ),
)
