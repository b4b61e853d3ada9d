"""Which products, countries and states moved the conversion, and whether their own changed by more than noise."""

from __future__ import annotations

from collections.abc import Sequence

from greenery.figures import statistics, values
from greenery.figures.statistics import Share

STEP = "checkout"
SHOWN = 5


def build(rows: Sequence[dict], week: dict, previous_week: dict) -> dict:
    """Return the part `movers` of summary.json.

    rows: rows of movers.sql, each with enough sessions in both weeks. week, previous_week: the counts of all sessions.
    Those whose own conversion changed by more than noise come first, then those with the largest contribution, of mix
    and rate; of a product it is its rate. p_value and significant are of the own conversion only.
    """
    all_now, all_before = (Share(counts[STEP], counts["sessions"]) for counts in (week, previous_week))
    moved = [_mover(row, all_now, all_before) for row in rows]
    corrected = statistics.adjusted([mover["p_value"] for mover in moved])
    for row, mover, p_adjusted in zip(rows, moved, corrected, strict=True):
        mover["p_value"] = values.p_value(mover["p_value"])
        mover["p_adjusted"] = values.p_value(p_adjusted)
        mover["significant"] = statistics.is_more_than_noise(p_adjusted, *_shares(row))
    moved.sort(key=_rank)
    return {"step": STEP, "compared": len(moved), "movers": moved[:SHOWN]}


def _rank(mover: dict) -> tuple:
    size = abs(mover["contribution_pp"])
    return not mover["significant"], -size, mover["name"], mover["dimension"], mover["value"]


def _shares(row: dict) -> tuple[Share, Share]:
    """Return what reached the step in the week and in the week before."""
    return Share(row["reached"], row["sessions"]), Share(row["reached_before"], row["sessions_before"])


def _mover(row: dict, all_now: Share, all_before: Share) -> dict:
    now, before = _shares(row)
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
        # The sum of the two as they are kept, so that it is right in this file; a digest rounds each of the three.
        "contribution_pp": round((mix_pp or 0.0) + rate_pp, 4),
        "mix_pp": mix_pp,
        "rate_pp": rate_pp,
        "p_value": statistics.p_value(now, before),
    }
