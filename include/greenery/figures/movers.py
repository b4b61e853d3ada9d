"""The products, countries and states that moved the conversion of all sessions."""

from __future__ import annotations

from collections.abc import Sequence

from greenery.figures import statistics, values
from greenery.figures.model import Mover, Movers
from greenery.figures.rows import GroupCounts, WeekOfSessions
from greenery.figures.statistics import Share

STEP = "checkout"
SHOWN = 5


def build(rows: Sequence[GroupCounts], week: WeekOfSessions, previous_week: WeekOfSessions) -> Movers:
    """Return the part `movers` of summary.json.

    rows: groups, each with enough sessions in both weeks. week, previous_week: the counts of all sessions.

    A group moved if its own conversion, or its share of the sessions, changed by more than noise. Groups that moved
    come first, then the others, each with the largest contribution first. A contribution is the sum of mix and rate; a
    product has only a rate. The p-values of conversions are corrected for all groups, and so are those of shares.
    """
    all_now, all_before = (Share(counts.of(STEP), counts.sessions) for counts in (week, previous_week))
    p_values = [statistics.p_value(*_shares(row)) for row in rows]
    corrected = statistics.adjusted(p_values)
    parts = [_parts(row, all_now, all_before) for row in rows]
    parts_corrected = iter(statistics.adjusted([statistics.p_value(*part) for part in parts if part]))
    moved = []
    for row, p_value, p_adjusted, part in zip(rows, p_values, corrected, parts, strict=True):
        mover = _mover(row, all_now, all_before, p_value, p_adjusted)
        moved.append(mover.model_copy(update=_share(part, next(parts_corrected))) if part else mover)
    moved.sort(key=_rank)
    return Movers(
        step=STEP,
        compared=len(moved),
        moved=sum(mover.significant or mover.share_significant for mover in moved),
        movers=tuple(moved[:SHOWN]),
    )


def _parts(row: GroupCounts, all_now: Share, all_before: Share) -> tuple[Share, Share] | None:
    """Return the group's part of all sessions in the week and in the week before; None for a product."""
    if row.dimension == "product":
        return None
    return Share(row.sessions, all_now.sessions), Share(row.sessions_before, all_before.sessions)


def _share(part: tuple[Share, Share], p_adjusted: float) -> dict[str, object]:
    now, before = part
    return {
        "share": values.share(*now),
        "share_before": values.share(*before),
        "share_p_adjusted": values.rounded_p_value(p_adjusted),
        "share_significant": statistics.is_more_than_noise(p_adjusted, now, before),
    }


def _rank(mover: Mover) -> tuple[bool, float, str, str, str]:
    moved = mover.significant or mover.share_significant
    return not moved, -abs(mover.contribution_pp), mover.name, mover.dimension, mover.value


def _shares(row: GroupCounts) -> tuple[Share, Share]:
    """Return the sessions that reached the step in the week, and in the week before."""
    return Share(row.reached, row.sessions), Share(row.reached_before, row.sessions_before)


def _mover(row: GroupCounts, all_now: Share, all_before: Share, p_value: float, p_adjusted: float) -> Mover:
    now, before = _shares(row)
    parts = statistics.contribution(now, before, all_now, all_before)
    # A session has one country and one state, but any number of products. Products are no shares of a whole, so a
    # product that more sessions meet adds nothing by that.
    mix_pp = None if row.dimension == "product" else values.in_points(parts.mix)
    rate_pp = values.in_points(parts.rate)
    return Mover(
        dimension=row.dimension,
        value=row.value,
        name=row.name,
        sessions=now.sessions,
        sessions_before=before.sessions,
        reached=now.reached,
        reached_before=before.reached,
        conversion=values.share(*now),
        conversion_before=values.share(*before),
        change_pp=values.difference_in_points(values.share(*now), values.share(*before)),
        # The sum of the two rounded values, so that the sum is right in summary.json.
        contribution_pp=round((mix_pp or 0.0) + rate_pp, 4),
        mix_pp=mix_pp,
        rate_pp=rate_pp,
        p_value=values.rounded_p_value(p_value),
        p_adjusted=values.rounded_p_value(p_adjusted),
        significant=statistics.is_more_than_noise(p_adjusted, now, before),
        share=None,
        share_before=None,
        share_p_adjusted=None,
        share_significant=False,
    )
