"""The order items that the extract shows and the one before does not."""

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
            meaning="Every new order item belongs to an order of the extract.",
            look="orders.csv beside order_items.csv",
        ),
        Check(
            "items_mostly_have_orders",
            "critical",
            lambda gx: gx.ExpectMostColumnValuesToNotBeNull(
                column="known_order_id", mostly=0.5, row_condition=gx.is_true("had_orders")
            ),
            meaning="Most new order items belong to an order of the extract, if most did in the extract before.",
            look="orders.csv beside order_items.csv",
            remedy="accept",
            acceptable=True,
            tells_of=("items_have_orders",),
        ),
        Check(
            "items_have_products",
            "warning",
            lambda gx: gx.ExpectColumnValuesToNotBeNull(column="known_product_id"),
            meaning="The product of every new order item is in some extract known, or in items of the extract before.",
            look="products.csv beside order_items.csv",
        ),
        Check(
            "items_mostly_have_products",
            "critical",
            lambda gx: gx.ExpectMostColumnValuesToNotBeNull(
                column="known_product_id", mostly=0.5, row_condition=gx.is_true("has_extract_before")
            ),
            meaning="The products of most new order items are in some extract known, or in items of the extract "
            "before.",
            look="products.csv beside order_items.csv",
            remedy="accept",
            acceptable=True,
            tells_of=("items_have_products",),
        ),
        Check(
            "item_quantities_positive",
            "warning",
            lambda gx: gx.ExpectColumnValuesToBeBetween(column="quantity", min_value=0, strict_min=True),
            meaning="Every new order item has a quantity above zero.",
            look="the order's items",
            owner=SHOP,
        ),
    ),
)
