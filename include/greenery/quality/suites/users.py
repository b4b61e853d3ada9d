"""The users that are new in the extract, or differ from the extract before."""

from __future__ import annotations

from greenery.quality.suite import AS_OF, SHOP, Check, Suite

SUITE = Suite(
    "users",
    "users",
    keys=("user_id", "created_at", "updated_at"),
    noun="new or changed users",
    checks=(
        Check(
            "users_not_from_the_future",
            "warning",
            lambda gx: gx.ExpectColumnValuesToBeBetween(column="newest_at", max_value=AS_OF, strict_max=True),
            meaning="No user was created or updated at or after the extract's as_of.",
            look="created_at and updated_at of the users",
            owner=SHOP,
        ),
        Check(
            "users_updated_after_created",
            "warning",
            lambda gx: gx.ExpectColumnPairValuesAToBeGreaterThanB(
                column_A="updated_at", column_B="created_at", or_equal=True, ignore_row_if="either_value_is_missing"
            ),
            meaning="No user was updated before being created.",
            look="created_at and updated_at of the user",
            owner=SHOP,
        ),
        Check(
            "users_mostly_have_addresses",
            "critical",
            lambda gx: gx.ExpectMostColumnValuesToNotBeNull(
                column="known_address_id",
                mostly=0.5,
                row_condition=gx.is_true("addresses_are_judged") & gx.Column("address_id").is_not_null(),
            ),
            meaning="The addresses of most new or changed users are in this extract or an earlier one. Not checked "
            "where this was not so in the previous extract.",
            look="how ids are written in addresses.csv and users.csv; one may be older or incomplete",
            remedy="accept",
            acceptable=True,
            covers=("places_known",),
        ),
    ),
)
