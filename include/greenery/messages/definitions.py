"""The terms of a report, with their meanings for readers. Only the page of a week shows them."""

from __future__ import annotations

from greenery.figures.model import Summary
from greenery.messages import wording


def definitions(summary: Summary) -> list[tuple[str, str]]:
    """Return all terms that a report may use, with their meanings."""
    mature_after = wording.count(summary.provisional.maturity_days, "day")
    return [
        (
            "Session",
            (
                "All events with one session id. It belongs to the week in which it starts. Events dated long before "
                "they arrived do not count as its start."
            ),
        ),
        ("Step reached", "The session has any event of that type, in any order; a session may skip a step."),
        ("Conversion", "Share of all sessions that reached the step."),
        (
            "Step conversion",
            "Sessions that reached the step / sessions that reached the step before it. It can exceed 100%.",
        ),
        (
            "Four weeks",
            (
                "All sessions of the last four weeks, against all sessions of the four weeks before. Each of "
                "these weeks has sessions."
            ),
        ),
        ("Drop-off", "Sessions lost since the step before, also in percentage points (pp) of all sessions."),
        (
            "More than noise",
            (
                "Without a real change, a difference this large would appear less than once in 20 comparisons, and the "
                "95% interval excludes zero."
            ),
        ),
        (
            "Moved",
            "A group’s conversion at checkout, or its share of all sessions, changed more than chance explains.",
        ),
        (
            "Adds to the total",
            "By how much a group moved the conversion of all sessions. Groups overlap, so don’t add them up.",
        ),
        ("New", "An order that no earlier extract has."),
        ("Status changed", "The order’s status differs from the previous extract. Other columns may differ too."),
        ("Details changed", "Another column of the order differs, and its status does not."),
        ("Removed", "The order is in the previous extract, but not in this one."),
        ("Returned", "The order had been removed and is back."),
        ("Stuck", "The order is in its status for longer than 95% of the orders that have left it by now."),
        (
            "Provisional",
            (
                f"The figure can still rise. It is final {mature_after} after the week’s end, or as soon as every "
                "checkout has shipped."
            ),
        ),
        ("At equal age", "Only shipments before the end of each week count, so that weeks can be compared."),
    ]
