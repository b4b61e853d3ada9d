"""The products that the week's sessions looked at against the weeks before."""

from __future__ import annotations

from greenery.quality.suite import AS_OF, SHOP, TIMES, Check, Suite

SUITE = Suite(
    "products_by_week",
    "fct_session_products",
    checks=(
        Check(
            "products_near_history",
            "warning",
            lambda gx: gx.ExpectFiguresNearTheWeeksBefore(
                reading="products", min_value=0.333, max_value=3, unit=TIMES, as_of=AS_OF
            ),
            meaning="The share of sessions that look at a product is between a third and three times its share in "
            "previous weeks.",
            look="the product in the shop, and whether product ids changed",
            remedy="shop",
            owner=SHOP,
        ),
    ),
)
