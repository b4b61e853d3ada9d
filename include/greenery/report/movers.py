"""Which products, countries and states moved the conversion, and whether their own changed by more than noise."""

from __future__ import annotations

from collections.abc import Sequence

from greenery.report import statistics, values
from greenery.report.statistics import Share

STEP = "checkout"
SHOWN = 5


def build(rows: Sequence[dict], week: dict, previous_week: dict) -> dict:
    """Return the part `movers` of summary.json.

    rows: rows of movers.sql, each with enough sessions in both weeks. week, previous_week: the counts of all sessions.
    They are ranked by what they add, mix and rate, products by their rate alone. p_value and significant are of their
    own conversion only.
    """
    all_now, all_before = (Share(counts[STEP], counts["sessions"]) for counts in (week, previous_week))
    moved = [_mover(row, all_now, all_before) for row in rows]
    corrected = statistics.adjusted([mover["p_value"] for mover in moved])
    for mover, p_adjusted in zip(moved, corrected, strict=True):
        mover["p_value"] = values.p_value(mover["p_value"])
        mover["p_adjusted"] = values.p_value(p_adjusted)
        mover["significant"] = p_adjusted < statistics.LEVEL
    moved.sort(key=lambda mover: (-abs(mover["contribution_pp"]), mover["name"], mover["dimension"], mover["value"]))
    return {"step": STEP, "compared": len(moved), "movers": moved[:SHOWN]}


def _mover(row: dict, all_now: Share, all_before: Share) -> dict:
    now, before = Share(row["reached"], row["sessions"]), Share(row["reached_before"], row["sessions_before"])
    parts = statistics.contribution(now, before, all_now, all_before)
    # A session has one country and one state, and any number of products: these are no shares of a whole, and one that
    # more sessions meet adds nothing by that.
    mix_pp = None if row["dimension"] == "product" else values.points(parts.mix)
    rate_pp = values.points(parts.rate)
    return {
        "dimension": row["dimension"],
        "value": row["value"],
        "name": row["name"],
        "sessions": now.sessions,
        "sessions_before": before.sessions,
        "reached": now.reached,
        "reached_before": before.reached,
        "conversion": values.share(*now),
        "conversion_before": values.share(*before),
        # The sum of what is printed, so that a reader's sum is right too.
        "contribution_pp": round((mix_pp or 0.0) + rate_pp, 4),
        "mix_pp": mix_pp,
        "rate_pp": rate_pp,
        "p_value": statistics.p_value(now, before),
    }
