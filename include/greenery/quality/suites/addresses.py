"""The addresses that are in the extract and in the one before."""

from __future__ import annotations

from greenery.quality.suite import SHOP, Check, Suite

SUITE = Suite(
    "addresses",
    "addresses",
    keys=("address_id",),
    noun="addresses",
    checks=(
        Check(
            "addresses_keep_their_place",
            "warning",
            lambda gx: gx.ExpectMostColumnPairValuesToBeEqual(column_A="place_before", column_B="place", mostly=0.95),
            meaning="At most 5% of the addresses have another state or country than in the previous extract.",
            look="the spelling of states and countries: the funnel by place breaks where it changes",
            owner=SHOP,
        ),
    ),
)
