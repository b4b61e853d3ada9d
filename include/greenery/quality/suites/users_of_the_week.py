"""The users of the week's sessions."""

from __future__ import annotations

from greenery.quality.suite import WEB, Check, Suite

SUITE = Suite(
    "users_of_the_week",
    "fct_sessions",
    keys=("user_id",),
    noun="users",
    checks=(
        Check(
            "no_user_floods",
            "warning",
            lambda gx: gx.ExpectColumnPairValuesAToBeGreaterThanB(column_A="sessions_of_a_flood", column_B="sessions"),
            meaning="No user starts 30 or more sessions that are also at least a tenth of all sessions and five times "
            "as many as before.",
            look="the sessions of the user: it may be a bot or a test account",
            remedy="tracking",
            owner=WEB,
        ),
    ),
)
