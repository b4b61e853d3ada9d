"""The rows of fct_sessions. A check that fails here shows a fault of our own logic."""

from __future__ import annotations

from greenery.quality.suite import Check, Suite

STEPS = ("page_view_at", "add_to_cart_at", "checkout_at", "package_shipped_at")
DIFFER = " or ".join(f"{column} is distinct from known_{column}" for column in ("started_at", *STEPS))
# If the build has later extracts, the mart may know more than was known at the week's end, but never less. A time
# before the session's start, which comes from a backdated event, is replaced by any other time.
KNOW_LESS = "started_at > known_started_at or " + " or ".join(
    f"coalesce({step} > known_{step} and known_{step} >= known_started_at, false) "
    f"or ({step} is null and known_{step} is not null)"
    for step in STEPS
)
UNEQUAL = (
    "select session_id, user_id, started_at from {batch} "
    f"where (is_newest and ({DIFFER})) or (not is_newest and ({KNOW_LESS}))"
)

SUITE = Suite(
    "fct_sessions",
    "fct_sessions",
    keys=("session_id", "user_id", "started_at"),
    noun="sessions",
    checks=(
        Check(
            "sessions_unique",
            "critical",
            lambda gx: gx.ExpectColumnValuesToBeUnique(column="session_id"),
            meaning="Every session is one row of fct_sessions.",
            look="the rows of these sessions in fct_sessions",
            remedy="model",
        ),
        Check(
            "sessions_equal_events",
            "critical",
            lambda gx: gx.UnexpectedRowsExpectation(unexpected_rows_query=UNEQUAL),
            meaning="The start and the steps of each session in fct_sessions follow from its events.",
            look="the rows of the session in int_session_steps",
            remedy="model",
        ),
    ),
)
