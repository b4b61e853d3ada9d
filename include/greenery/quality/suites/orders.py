"""The orders of the extract: whether orders_snapshot shows them, and whether their values are plausible."""

from __future__ import annotations

from greenery.quality.suite import AS_OF, SHOP, STATUSES, WEB, Check, Suite

UNFIT = (
    "select order_id, status, created_at from {batch} where is_news and "
    "((status = 'delivered' and delivered_at is null) "
    "or (status in ('preparing', 'shipped') and delivered_at is not null))"
)

SUITE = Suite(
    "orders",
    "orders",
    keys=("order_id", "status", "created_at"),
    noun="orders",
    checks=(
        Check(
            "orders_unique",
            "critical",
            lambda gx: gx.ExpectColumnValuesToBeUnique(column="order_id"),
            meaning="Every order of the extract is one row.",
            look="landing.orders of this extract",
            remedy="model",
        ),
        Check(
            "orders_have_one_version",
            "critical",
            lambda gx: gx.ExpectColumnValuesToBeBetween(column="versions", min_value=1, max_value=1),
            meaning="orders_snapshot shows one version of every order of the extract.",
            look="the order's rows in orders_snapshot",
            remedy="model",
            relation="orders_snapshot",
        ),
        Check(
            "orders_equal_snapshot",
            "critical",
            lambda gx: gx.ExpectColumnValuesToBeNull(column="differs_from_snapshot_in"),
            meaning="orders_snapshot shows every order as the extract does.",
            look="the order in landing.orders and in orders_snapshot",
            remedy="model",
            relation="orders_snapshot",
        ),
        Check(
            "order_statuses_known",
            "warning",
            lambda gx: gx.ExpectColumnValuesToBeInSet(
                column="status", value_set=STATUSES, row_condition=gx.is_true("is_news")
            ),
            meaning="Every new or changed order is preparing, shipped or delivered, or as some were in the extract "
            "before.",
            look="the orders' statuses: the shop may have begun to use another",
            remedy="shop",
            owner=SHOP,
        ),
        Check(
            "order_statuses_mostly_known",
            "critical",
            lambda gx: gx.ExpectMostColumnValuesToBeInSet(
                column="status",
                value_set=STATUSES,
                mostly=0.5,
                row_condition=gx.is_true("is_news") & gx.is_true("has_extract_before"),
            ),
            meaning="Most new or changed orders are preparing, shipped or delivered, or as some were in the extract "
            "before.",
            look="the orders' statuses: they may have been renamed",
            remedy="accept",
            owner=SHOP,
            acceptable=True,
            tells_of=("order_statuses_known",),
        ),
        Check(
            "orders_have_users",
            "warning",
            lambda gx: gx.ExpectColumnValuesToNotBeNull(column="known_user_id", row_condition=gx.is_true("is_news")),
            meaning="The user of every new or changed order is in the extract.",
            look="users.csv beside orders.csv",
        ),
        Check(
            "orders_have_items",
            "warning",
            lambda gx: gx.ExpectColumnValuesToNotBeNull(column="items", row_condition=gx.is_true("is_news")),
            meaning="Every new or changed order has items.",
            look="order_items.csv beside orders.csv",
        ),
        Check(
            "orders_have_promos",
            "warning",
            lambda gx: gx.ExpectColumnValuesToNotBeNull(
                column="known_promo_id",
                row_condition=gx.is_true("has_new_amounts") & gx.Column("promo_id").is_not_null(),
            ),
            meaning="The promo of every order that is new or has other amounts is in the extract.",
            look="promos.csv beside orders.csv",
        ),
        Check(
            "orders_have_checkouts",
            "warning",
            lambda gx: gx.ExpectMostColumnValuesToNotBeNull(
                column="checked_out_order_id", mostly=0.8, row_condition=gx.is_true("is_of_the_week")
            ),
            meaning="At most a fifth of the week's new orders lack a checkout event.",
            look="whether checkouts are still tracked",
            remedy="tracking",
            owner=WEB,
        ),
        Check(
            "orders_not_copied",
            "warning",
            lambda gx: gx.ExpectColumnValuesToBeBetween(
                column="twins", max_value=1, row_condition=gx.is_true("has_new_facts")
            ),
            meaning="No order that is new or has other facts equals another in user, time and total.",
            look="whether orders were exported twice under new ids",
            owner=SHOP,
        ),
        Check(
            "orders_not_from_the_future",
            "warning",
            lambda gx: gx.ExpectColumnValuesToBeBetween(
                column="created_at", max_value=AS_OF, strict_max=True, row_condition=gx.is_true("is_news")
            ),
            meaning="No new or changed order was made at or after the extract's as_of.",
            look="the orders' times: a clock, a time zone, or an export made late",
            owner=SHOP,
        ),
        Check(
            "orders_mostly_not_from_the_future",
            "critical",
            lambda gx: gx.ExpectMostColumnValuesToBeBetween(
                column="created_at", max_value=AS_OF, strict_max=True, mostly=0.5, row_condition=gx.is_true("is_news")
            ),
            meaning="At most half of the new or changed orders were made at or after the extract's as_of.",
            look="the orders' times: a clock, a time zone, or the folder's date",
            remedy="accept",
            owner=SHOP,
            acceptable=True,
            tells_of=("orders_not_from_the_future",),
        ),
        Check(
            "delivered_after_ordered",
            "warning",
            lambda gx: gx.ExpectColumnPairValuesAToBeGreaterThanB(
                column_A="delivered_at",
                column_B="created_at",
                or_equal=True,
                ignore_row_if="either_value_is_missing",
                row_condition=gx.is_true("is_news"),
            ),
            meaning="No new or changed order was delivered before it was made.",
            look="both times of the order",
            owner=SHOP,
        ),
        Check(
            "delivered_by_now",
            "warning",
            lambda gx: gx.ExpectColumnValuesToBeBetween(
                column="delivered_at", max_value=AS_OF, strict_max=True, row_condition=gx.is_true("is_news")
            ),
            meaning="No new or changed order was delivered at or after the extract's as_of.",
            look="the orders' delivered_at",
            owner=SHOP,
        ),
        Check(
            "delivered_orders_stay",
            "warning",
            lambda gx: gx.ExpectColumnValuesToBeInSet(
                column="status_or_none",
                value_set=["delivered"],
                row_condition=gx.Column("previous_status") == "delivered",
            ),
            meaning="No order that was delivered is anything else now.",
            look="the order's versions in orders_snapshot",
            remedy="shop",
            owner=SHOP,
            relation="fct_order_changes",
        ),
        Check(
            "shipped_orders_stay",
            "warning",
            lambda gx: gx.ExpectMostColumnValuesToNotBeInSet(
                column="status_or_none",
                value_set=["preparing"],
                mostly=0.9,
                row_condition=gx.Column("previous_status") == "shipped",
            ),
            meaning="At most a tenth of the orders that were shipped are back to preparing.",
            look="the order's versions in orders_snapshot",
            remedy="shop",
            owner=SHOP,
            relation="fct_order_changes",
        ),
        Check(
            "orders_sent_back",
            "info",
            lambda gx: gx.ExpectColumnValuesToNotBeInSet(
                column="status_or_none",
                value_set=["preparing"],
                row_condition=gx.Column("previous_status") == "shipped",
            ),
            meaning="No order that was shipped is back to preparing.",
            look="the order's versions in orders_snapshot",
            remedy="shop",
            owner=SHOP,
            relation="fct_order_changes",
        ),
        Check(
            "order_status_fits_delivery",
            "warning",
            lambda gx: gx.UnexpectedRowsExpectation(unexpected_rows_query=UNFIT),
            meaning="An order has a time of delivery if it is delivered, and else none.",
            look="status and delivered_at of the order",
            owner=SHOP,
        ),
        Check(
            "orders_keep_their_facts",
            "warning",
            lambda gx: gx.ExpectColumnValuesToBeNull(
                column="other_facts", row_condition=gx.Column("previous_order_id").is_not_null()
            ),
            meaning="No order has another user, time, cost or total than in the extract before.",
            look="the order's versions in orders_snapshot",
            remedy="shop",
            owner=SHOP,
        ),
        Check(
            "orders_mostly_keep_their_facts",
            "critical",
            lambda gx: gx.ExpectMostColumnValuesToBeNull(
                column="other_facts", mostly=0.5, row_condition=gx.Column("previous_order_id").is_not_null()
            ),
            meaning="Most orders have the user, time, cost and total of the extract before.",
            look="whether a column is in another unit, or ids were given anew",
            remedy="accept",
            owner=SHOP,
            acceptable=True,
            tells_of=("orders_keep_their_facts",),
        ),
        Check(
            "order_total_adds_up",
            "warning",
            lambda gx: gx.ExpectColumnValuesToBeBetween(
                column="total_is_off_by", min_value=-0.01, max_value=0.01, row_condition=gx.is_true("has_new_amounts")
            ),
            meaning="order_total is order_cost + shipping_cost - discount, within a cent.",
            look="the order's amounts, and its promo's discount",
            owner=SHOP,
        ),
        Check(
            "order_amounts_not_negative",
            "warning",
            lambda gx: gx.ExpectColumnValuesToBeBetween(
                column="least_amount", min_value=0, row_condition=gx.is_true("has_new_amounts")
            ),
            meaning="No order that is new or has other amounts costs less than nothing.",
            look="the order's amounts",
            owner=SHOP,
        ),
        Check(
            "order_cost_fits_items",
            "warning",
            lambda gx: gx.ExpectMostColumnValuesToBeBetween(
                column="cost_over_worth",
                min_value=0.5,
                max_value=2,
                mostly=0.95,
                row_condition=gx.is_true("has_new_facts"),
            ),
            meaning="At most 5% of the orders with new amounts cost less than half or more than twice what their "
            "items do, if most did not differ tenfold before.",
            look="the order's items and the prices in products.csv",
            owner=SHOP,
        ),
        Check(
            "order_cost_in_scale",
            "critical",
            lambda gx: gx.ExpectMostColumnValuesToBeBetween(
                column="cost_over_worth_if_it_fitted",
                min_value=0.1,
                max_value=10,
                mostly=0.5,
                row_condition=gx.is_true("has_new_facts"),
            ),
            meaning="At most half of the orders with new amounts cost ten times more, or less, than their items, if "
            "most did not before.",
            look="whether orders.csv or products.csv is in cents",
            remedy="accept",
            owner=SHOP,
            acceptable=True,
            tells_of=("order_cost_fits_items",),
        ),
    ),
)
