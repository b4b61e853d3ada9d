"""The products of the extract before."""

from __future__ import annotations

from greenery.quality.suite import SHOP, Check, Suite

SUITE = Suite(
    "previous_products",
    "products",
    keys=("product_id", "name"),
    noun="products of the previous extract",
    checks=(
        Check(
            "products_stay",
            "warning",
            lambda gx: gx.ExpectMostColumnValuesToNotBeNull(column="product_id_now", mostly=0.9),
            meaning="At most a tenth of the products of the previous extract are missing in this one.",
            look="whether products.csv is complete",
            remedy="shop",
            owner=SHOP,
        ),
    ),
)
