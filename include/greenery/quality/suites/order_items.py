"""The order items that are in the extract and not in the one before."""

from __future__ import annotations

from greenery.quality.suite import SHOP, Check, Suite

SUITE = Suite(
    "order_items",
    "order_items",
    keys=("order_id", "product_id"),
    noun="new order items",
    checks=(
        Check(
            "items_have_orders",
            "warning",
            lambda gx: gx.ExpectColumnValuesToNotBeNull(column="known_order_id"),
            meaning="The order of every new order item is in the extract.",
            look="orders.csv and order_items.csv: one may be older or incomplete",
        ),
        Check(
            "items_mostly_have_orders",
            "critical",
            lambda gx: gx.ExpectMostColumnValuesToNotBeNull(
                column="known_order_id", mostly=0.5, row_condition=gx.is_true("orders_are_judged")
            ),
            meaning="The orders of most new order items are in the extract. Not checked where this was not so in the "
            "previous extract.",
            look="orders.csv and order_items.csv: one may be older or incomplete",
            remedy="accept",
            acceptable=True,
            covers=("items_have_orders",),
        ),
        Check(
            "items_have_products",
            "warning",
            lambda gx: gx.ExpectColumnValuesToNotBeNull(column="known_product_id"),
            meaning="The product of every new order item is in products of this extract or an earlier one, or in "
            "order items of the previous extract.",
            look="products.csv and order_items.csv: one may be older or incomplete",
        ),
        Check(
            "items_mostly_have_products",
            "critical",
            lambda gx: gx.ExpectMostColumnValuesToNotBeNull(
                column="known_product_id", mostly=0.5, row_condition=gx.is_true("products_are_judged")
            ),
            meaning="The products of most new order items are in products of this extract or an earlier one, or in "
            "order items of the previous extract. Not checked where most had no product in the previous extract.",
            look="products.csv and order_items.csv: one may be older or incomplete",
            remedy="accept",
            acceptable=True,
            covers=("items_have_products",),
        ),
        Check(
            "item_quantities_positive",
            "warning",
            lambda gx: gx.ExpectColumnValuesToBeBetween(column="quantity", min_value=0, strict_min=True),
            meaning="Every new order item has a quantity above zero.",
            look="the items of the order",
            owner=SHOP,
        ),
    ),
)
