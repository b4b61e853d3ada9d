"""The products of the extract, beside the extract before."""

from __future__ import annotations

from greenery.quality.suite import SHOP, Check, Suite

SUITE = Suite(
    "products",
    "products",
    keys=("product_id", "name", "price", "price_before"),
    noun="products",
    checks=(
        Check(
            "prices_steady",
            "warning",
            lambda gx: gx.ExpectColumnValuesToBeBetween(column="price_over_before", min_value=0.5, max_value=2),
            meaning="Every price is between half and twice the price in the previous extract.",
            look="the price of the product",
            remedy="shop",
            owner=SHOP,
        ),
        Check(
            "prices_in_scale",
            "critical",
            lambda gx: gx.ExpectMostColumnValuesToBeBetween(
                column="price_over_before", min_value=0.1, max_value=10, mostly=0.5
            ),
            meaning="At most half of the prices are less than a tenth or more than ten times the price in the "
            "previous extract.",
            look="whether products.csv is in cents",
            remedy="accept",
            owner=SHOP,
            acceptable=True,
            covers=("prices_steady",),
        ),
        Check(
            "prices_positive",
            "warning",
            lambda gx: gx.ExpectColumnValuesToBeBetween(column="price", min_value=0, strict_min=True),
            meaning="Every product has a price above zero.",
            look="the price of the product",
            remedy="shop",
            owner=SHOP,
        ),
        Check(
            "inventory_not_negative",
            "warning",
            lambda gx: gx.ExpectColumnValuesToBeBetween(column="inventory", min_value=0),
            meaning="No product has a negative inventory.",
            look="the inventory of the product",
            remedy="shop",
            owner=SHOP,
        ),
        Check(
            "product_names_not_swapped",
            "warning",
            lambda gx: gx.ExpectColumnValuesToBeNull(
                column="name_of_another", row_condition=gx.Column("previous_product_id").is_not_null()
            ),
            meaning="No product has the name that another product had in the previous extract.",
            look="the names of the products: their ids may be swapped",
            owner=SHOP,
        ),
    ),
)
