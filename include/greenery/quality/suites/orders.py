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
            meaning="Every order of the extract has one row in landing.orders.",
            look="landing.orders of this extract",
            remedy="model",
        ),
        Check(
            "orders_have_one_version",
            "critical",
            lambda gx: gx.ExpectColumnValuesToBeBetween(column="versions", min_value=1, max_value=1),
            meaning="orders_snapshot has exactly one valid version of every order of the extract.",
            look="the rows of the order in orders_snapshot",
            remedy="model",
            relation="orders_snapshot",
        ),
        Check(
            "orders_equal_snapshot",
            "critical",
            lambda gx: gx.ExpectColumnValuesToBeNull(column="differs_from_snapshot_in"),
            meaning="Every order has the same values in orders_snapshot as in the extract.",
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
            meaning="Every new or changed order is preparing, shipped or delivered, or has a status that the previous "
            "extract has too.",
            look="the statuses: the shop may have begun to use a new one",
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
            meaning="Most new or changed orders are preparing, shipped or delivered, or have a status that the "
            "previous extract has too.",
            look="the statuses: they may have been renamed",
            remedy="accept",
            owner=SHOP,
            acceptable=True,
            covers=("order_statuses_known",),
        ),
        Check(
            "orders_have_users",
            "warning",
            lambda gx: gx.ExpectColumnValuesToNotBeNull(column="known_user_id", row_condition=gx.is_true("is_news")),
            meaning="The user of every new or changed order is in the extract.",
            look="users.csv: it may be older than orders.csv",
        ),
        Check(
            "orders_mostly_have_users",
            "critical",
            lambda gx: gx.ExpectMostColumnValuesToNotBeNull(
                column="known_user_id",
                mostly=0.5,
                row_condition=gx.is_true("has_new_facts")
                & gx.is_true("users_are_judged")
                & gx.Column("user_id").is_not_null(),
            ),
            meaning="The users of most orders that are new, or have another user, time or amount, are in the extract. "
            "Not checked where this was not so in the previous extract.",
            look="how ids are written in users.csv and orders.csv; one may be older or incomplete",
            remedy="accept",
            acceptable=True,
            covers=("orders_have_users",),
        ),
        Check(
            "orders_mostly_have_addresses",
            "critical",
            lambda gx: gx.ExpectMostColumnValuesToNotBeNull(
                column="known_address_id",
                mostly=0.5,
                row_condition=gx.is_true("has_new_facts")
                & gx.is_true("addresses_are_judged")
                & gx.Column("address_id").is_not_null(),
            ),
            meaning="The addresses of most orders that are new, or have another user, time or amount, are in this "
            "extract or an earlier one. Not checked where this was not so in the previous extract.",
            look="how ids are written in addresses.csv and orders.csv; one may be older or incomplete",
            remedy="accept",
            acceptable=True,
        ),
        Check(
            "orders_have_items",
            "warning",
            lambda gx: gx.ExpectColumnValuesToNotBeNull(column="items", row_condition=gx.is_true("is_news")),
            meaning="Every new or changed order has items.",
            look="order_items.csv: it may be older than orders.csv",
        ),
        Check(
            "orders_have_promos",
            "warning",
            lambda gx: gx.ExpectColumnValuesToNotBeNull(
                column="known_promo_id",
                row_condition=gx.is_true("has_new_amounts") & gx.Column("promo_id").is_not_null(),
            ),
            meaning="The promo of every order that is new or has new amounts is in the extract.",
            look="promos.csv: it may be older than orders.csv",
        ),
        Check(
            "orders_mostly_have_promos",
            "critical",
            lambda gx: gx.ExpectMostColumnValuesToNotBeNull(
                column="known_promo_id",
                mostly=0.5,
                row_condition=gx.is_true("has_new_amounts")
                & gx.is_true("promos_are_judged")
                & gx.Column("promo_id").is_not_null(),
            ),
            meaning="The promos of most orders that are new or have new amounts are in the extract. Not checked where "
            "this was not so in the previous extract.",
            look="how ids are written in promos.csv and orders.csv; one may be older or incomplete",
            remedy="accept",
            acceptable=True,
            covers=("orders_have_promos", "order_total_adds_up"),
        ),
        Check(
            "orders_have_checkouts",
            "warning",
            lambda gx: gx.ExpectMostColumnValuesToNotBeNull(
                column="checked_out_order_id", mostly=0.8, row_condition=gx.is_true("is_of_the_week")
            ),
            meaning="At most a fifth of the week's new orders have no checkout event.",
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
            meaning="No two orders have the same user, time and total, if one of them is new or has changed in these.",
            look="whether orders were exported twice under new ids",
            owner=SHOP,
        ),
        Check(
            "orders_not_from_the_future",
            "warning",
            lambda gx: gx.ExpectColumnValuesToBeBetween(
                column="created_at", max_value=AS_OF, strict_max=True, row_condition=gx.is_true("is_news")
            ),
            meaning="No new or changed order was created at or after the extract's as_of.",
            look="the times of the orders: a clock or a time zone may be wrong, or the export was made late",
            owner=SHOP,
        ),
        Check(
            "orders_mostly_not_from_the_future",
            "critical",
            lambda gx: gx.ExpectMostColumnValuesToBeBetween(
                column="created_at", max_value=AS_OF, strict_max=True, mostly=0.5, row_condition=gx.is_true("is_news")
            ),
            meaning="At most half of the new or changed orders were created at or after the extract's as_of.",
            look="the times of the orders: a clock, a time zone or the folder's date may be wrong",
            remedy="accept",
            owner=SHOP,
            acceptable=True,
            covers=("orders_not_from_the_future",),
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
            meaning="No new or changed order was delivered before it was created.",
            look="created_at and delivered_at of the order",
            owner=SHOP,
        ),
        Check(
            "delivered_by_now",
            "warning",
            lambda gx: gx.ExpectColumnValuesToBeBetween(
                column="delivered_at", max_value=AS_OF, strict_max=True, row_condition=gx.is_true("is_news")
            ),
            meaning="No new or changed order was delivered at or after the extract's as_of.",
            look="delivered_at of the orders",
            owner=SHOP,
        ),
        Check(
            "delivered_orders_stay",
            "warning",
            lambda gx: gx.ExpectColumnValuesToBeInSet(
                column="status_move",
                value_set=["delivered → delivered"],
                row_condition=gx.Column("previous_status") == "delivered",
            ),
            meaning="Every order that was delivered in the previous extract is still delivered.",
            look="the rows of the order in orders_snapshot",
            remedy="shop",
            owner=SHOP,
            relation="fct_order_changes",
        ),
        Check(
            "shipped_orders_stay",
            "warning",
            lambda gx: gx.ExpectMostColumnValuesToNotBeInSet(
                column="status_move",
                value_set=["shipped → preparing"],
                mostly=0.9,
                row_condition=gx.Column("previous_status") == "shipped",
            ),
            meaning="At most a tenth of the orders that were shipped in the previous extract are preparing again.",
            look="the rows of the order in orders_snapshot",
            remedy="shop",
            owner=SHOP,
            relation="fct_order_changes",
        ),
        Check(
            "orders_sent_back",
            "info",
            lambda gx: gx.ExpectColumnValuesToNotBeInSet(
                column="status_move",
                value_set=["shipped → preparing"],
                row_condition=gx.Column("previous_status") == "shipped",
            ),
            meaning="No order that was shipped in the previous extract is preparing again.",
            look="the rows of the order in orders_snapshot",
            remedy="shop",
            owner=SHOP,
            relation="fct_order_changes",
        ),
        Check(
            "order_status_fits_delivery",
            "warning",
            lambda gx: gx.UnexpectedRowsExpectation(unexpected_rows_query=UNFIT),
            meaning="Every delivered order has a delivered_at, and no other order has one.",
            look="status and delivered_at of the order",
            owner=SHOP,
        ),
        Check(
            "orders_keep_their_facts",
            "warning",
            lambda gx: gx.ExpectColumnValuesToBeNull(
                column="other_facts", row_condition=gx.Column("previous_order_id").is_not_null()
            ),
            meaning="The user, time, cost and total of every order are the same as in the previous extract.",
            look="the rows of the order in orders_snapshot",
            remedy="shop",
            owner=SHOP,
        ),
        Check(
            "orders_mostly_keep_their_facts",
            "critical",
            lambda gx: gx.ExpectMostColumnValuesToBeNull(
                column="other_facts", mostly=0.5, row_condition=gx.Column("previous_order_id").is_not_null()
            ),
            meaning="The user, time, cost and total of most orders are the same as in the previous extract.",
            look="whether a column changed its unit or time zone, or orders have new ids",
            remedy="accept",
            owner=SHOP,
            acceptable=True,
            covers=("orders_keep_their_facts",),
        ),
        Check(
            "order_total_adds_up",
            "warning",
            lambda gx: gx.ExpectColumnValuesToBeBetween(
                column="total_is_off_by", min_value=-0.01, max_value=0.01, row_condition=gx.is_true("has_new_amounts")
            ),
            meaning="order_total equals order_cost + shipping_cost - discount, to the cent.",
            look="the amounts of the order, and the discount of its promo",
            owner=SHOP,
        ),
        Check(
            "order_amounts_not_negative",
            "warning",
            lambda gx: gx.ExpectColumnValuesToBeBetween(
                column="least_amount", min_value=0, row_condition=gx.is_true("has_new_amounts")
            ),
            meaning="No order that is new or has new amounts has a negative amount.",
            look="the amounts of the order",
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
            meaning="At most 5% of the orders with new amounts cost less than half or more than twice the value of "
            "their items. Not checked where most orders differed tenfold in the previous extract.",
            look="the items of the order, and the prices in products.csv",
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
            meaning="At most half of the orders with new amounts cost less than a tenth or more than ten times the "
            "value of their items. Not checked where most did so in the previous extract.",
            look="whether orders.csv or products.csv is in cents",
            remedy="accept",
            owner=SHOP,
            acceptable=True,
            covers=("order_cost_fits_items",),
        ),
    ),
)
