"""The digest of a week: one model that Slack, mail and the page show.

Its texts are plain: each medium escapes them. Texts contain only figures that a file of the report holds.
"""

from __future__ import annotations

from collections.abc import Sequence

from greenery.figures import order_changes
from greenery.figures.model import Summary
from greenery.figures.order_changes import OrdersAlike
from greenery.figures.order_model import Stuck, StuckOrder
from greenery.figures.restatement_model import Restatement
from greenery.figures.statistics import MORE_THAN_NOISE, NO_COMPARISON
from greenery.messages import badge, chart, restated, wording
from greenery.messages.check_results import CheckResults
from greenery.messages.definitions import definitions
from greenery.messages.digest_parts import (
    Digest,
    FunnelRow,
    FunnelSection,
    Links,
    MoverRow,
    MoversSection,
    OrderGroup,
    OrdersSection,
    StuckRow,
    TrendRow,
)
from greenery.messages.week_state import WeekState
from greenery.source.tables import STEPS

SHOWN_IDS = 10
SHOWN_GROUPS = 10
SHOWN_STUCK = 5
SHOWN_WEEKS = 5


def build(
    summary: Summary,
    results: CheckResults | None,
    restatement: Restatement | None,
    links: Links,
    held_weeks: Sequence[WeekState] = (),
    picture: bytes | None = None,
) -> Digest:
    """Return the digest of a week.

    summary, results, restatement, picture: the contents of summary.json, quality.json, restatement.json and funnel.png;
        None if the file does not exist.
    held_weeks: earlier weeks whose extract is held, and so is not used; newest first.
    """
    funnel, movers = _funnel(summary), _movers(summary, links)
    has_sessions = summary.funnel.all_time.sessions > 0
    return Digest(
        as_of=summary.as_of,
        title=f"Greenery weekly: week to {wording.date(summary.as_of)}",
        headline=f"{wording.headline(summary)}.",
        verdict=wording.verdict_sentence(summary),
        recent=wording.recent(summary),
        notices=_notices(summary, held_weeks),
        funnel=funnel,
        picture=picture if has_sessions else None,
        picture_text=chart.report_description(summary) if has_sessions else "",
        trend=_trend(summary),
        maturity=wording.maturity(summary),
        movers=movers,
        orders=_orders(summary),
        restated=restated.build(restatement) if restatement else None,
        badge=badge.build(results),
        footer=_footer(summary, restatement),
        definitions=_definitions(summary, funnel, movers),
        links=links,
        summary=summary,
        results=results,
    )


def _notices(summary: Summary, held_weeks: Sequence[WeekState]) -> tuple[str, ...]:
    orders, notices = summary.order_changes, []
    days = summary.session_days
    if days and wording.scope(summary) != "week":
        notices.append(
            f"These sessions started between {wording.date(days.first)} and {wording.date(days.last)}."
            if days.first != days.last
            else f"These sessions started on {wording.date(days.first)}."
        )
    if orders.previous_as_of is None or orders.weeks_since_previous is None:
        notices.append("This is the first extract, so orders can’t be compared yet.")
    elif orders.weeks_since_previous != 1:
        notices.append(
            f"After a gap: the previous extract is of {wording.date(orders.previous_as_of)}, "
            f"{wording.count(orders.weeks_since_previous, 'week')} earlier. Order changes are since then."
        )
    if summary.events_without_session:
        notices.append(
            f"Events of the week that have no session: {wording.count(summary.events_without_session)}. "
            "No other figure counts them."
        )
    for week in held_weeks[:SHOWN_WEEKS]:
        reason = wording.plain(week.reason or "no reason is given", 160)
        notices.append(
            f"The extract of {wording.date(week.as_of)} is held and not used ({reason}). Its events count if a later "
            "extract contains them."
        )
    if len(held_weeks) > SHOWN_WEEKS:
        notices.append("More extracts are held: see the list of weeks.")
    return tuple(notices)


def _funnel(summary: Summary) -> FunnelSection | None:
    scope = wording.scope(summary)
    counts, in_week = summary.funnel.of(scope), scope == "week"
    if not counts.sessions:
        return None
    compared = wording.is_compared(summary)
    has_recent = in_week and summary.four_weeks.steps.checkout.p_value is not None
    rows = tuple(_funnel_row(summary, scope, step, compared, has_recent) for step in STEPS)
    at_equal_age, notes = any(row.change_mark or row.recent_mark for row in rows), []
    if any(row.mark for row in rows):
        changes = " Its changes count only what had shipped by the end of each week." if at_equal_age else ""
        notes.append(f"* Not final: packages are still going out.{changes}")
    elif at_equal_age:
        notes.append("* Counts only what had shipped by the end of each week, because an earlier week is not final.")
    return FunnelSection(
        title="Funnel" if in_week else "Funnel of all sessions so far",
        rows=rows,
        compared=compared,
        recent=has_recent,
        drop_off=wording.drop_off(summary),
        slowest=wording.slowest(summary) if in_week else "",
        notes=tuple(notes),
    )


def _funnel_row(summary: Summary, scope: str, step: str, compared: bool, has_recent: bool) -> FunnelRow:
    rate, change, recent = (
        summary.rates.of(scope).of(step),
        summary.change.steps.of(step),
        summary.four_weeks.steps.of(step),
    )
    return FunnelRow(
        name=wording.STEP_NAMES[step],
        step_before=wording.STEP_NAMES[STEPS[STEPS.index(step) - 1]].lower() if step != STEPS[0] else "",
        sessions=wording.count(summary.funnel.of(scope).of(step)),
        share=wording.percent(rate.conversion),
        step_share=wording.percent(rate.step_conversion),
        lost=wording.count(rate.lost),
        change=wording.points(change.conversion_pp if compared else None),
        recent_change=wording.points(recent.change_pp if has_recent else None),
        noteworthy=compared and change.reading == MORE_THAN_NOISE and wording.is_seen(change.conversion_pp or 0),
        recent_noteworthy=has_recent and wording.is_noteworthy(recent),
        since=wording.since(recent) if has_recent else "",
        mark="*" if step in wording.provisional(summary).steps else "",
        change_mark="*" if compared and change.at_equal_age else "",
        recent_mark="*" if has_recent and recent.at_equal_age else "",
    )


def _trend(summary: Summary) -> tuple[TrendRow, ...]:
    provisional = any(week.provisional for week in summary.trend)
    return tuple(
        TrendRow(
            week=wording.day(week.end),
            sessions=wording.count(week.sessions),
            shares=tuple(
                wording.percent(None if step in week.provisional else week.conversion.of(step)) for step in STEPS
            ),
            equal_age=wording.percent(week.equal_age.package_shipped) if provisional else "",
        )
        for week in reversed(summary.trend)
        if chart.has_trend(summary)
    )


def _movers(summary: Summary, links: Links) -> MoversSection | None:
    """Return the groups that moved; None where there is no week to compare with."""
    if summary.verdict.reading == NO_COMPARISON:
        return None
    return MoversSection(
        lead=wording.moved(summary),
        rows=tuple(
            MoverRow(
                name=f"{wording.DIMENSION_NAMES[row.dimension]} {wording.plain(row.name)}",
                link=links.funnel_only(row.dimension, row.value),
                contribution=wording.points(row.contribution_pp),
                parts=wording.rate_and_mix(row),
                change=wording.points(row.change_pp),
                conversion_before=wording.percent(row.conversion_before),
                conversion=wording.percent(row.conversion),
                sessions_before=wording.count(row.sessions_before),
                sessions=wording.count(row.sessions),
            )
            for row in wording.shown_movers(summary)
        ),
    )


def _orders(summary: Summary) -> OrdersSection:
    orders, stuck = summary.order_changes, summary.order_changes.stuck
    alike = order_changes.groups(orders)
    groups, left = [], SHOWN_IDS
    for one in alike[:SHOWN_GROUPS]:
        # All status changes together show at most SHOWN_IDS ids. The rare changes come first: people look these up.
        is_move = one.change == "status_changed"
        groups.append(_group(one, left if is_move else SHOWN_IDS))
        left -= len(groups[-1].ids) if is_move else 0
    return OrdersSection(
        lead=wording.orders_changed(summary),
        groups=tuple(groups),
        more_groups=_more(len(alike) - len(groups), "kinds of changes in the report"),
        stuck_lead=wording.stuck(summary),
        stuck_peers=_peers(stuck)[:SHOWN_STUCK],
        stuck=tuple(_stuck_order(order) for order in stuck.orders[:SHOWN_STUCK]),
        stuck_more=_more(stuck.total - SHOWN_STUCK, "in the report"),
        csv=order_changes.to_csv(orders).encode(),
        total=orders.total,
    )


def _group(alike: OrdersAlike, shown: int) -> OrderGroup:
    ids = [order.order_id for order in alike.orders[:shown]] if alike.change != "details_changed" else []
    return OrderGroup(
        name=wording.order_group(alike.change, alike.status_from, alike.status_to),
        orders=wording.count(len(alike.orders), "order"),
        ids=tuple(wording.plain(order_id) for order_id in ids),
        more=_more(len(alike.orders) - len(ids), "in order_changes.csv"),
    )


def _more(number: int, where: str) -> str:
    """Return where the rest is. The number is left out, because a digest prints only figures that a file holds."""
    return f"More {where}" if number > 0 else ""


def _peers(stuck: Stuck) -> tuple[str, ...]:
    """Return for each status in which orders are stuck how long others stayed in it."""
    statuses = dict.fromkeys(order.status for order in stuck.orders)
    return tuple(
        f"95% of the {wording.count(stuck.peers[status].orders, 'order')} that left '{wording.plain(status)}' did so "
        f"within {wording.days(stuck.peers[status].days_95)}"
        for status in statuses
    )


def _stuck_order(order: StuckOrder) -> StuckRow:
    return StuckRow(
        order_id=wording.plain(order.order_id),
        status=wording.plain(order.status),
        days=wording.days(order.days),
    )


def _footer(summary: Summary, restatement: Restatement | None) -> tuple[str, ...]:
    previous = summary.order_changes.previous_as_of
    as_of = f"As of {wording.date(summary.as_of)}, 00:00 UTC"
    lines = [f"{as_of}; previous extract: {wording.date(previous) if previous else 'none'}."]
    provisional = wording.provisional(summary)
    if provisional.steps and provisional.mature_at:
        lines.append(f"Shipped is provisional until {wording.date(provisional.mature_at)} at the latest.")
    else:
        lines.append("Every step is complete.")
    lines.append("Restated." if restatement else "Not restated.")
    lines.append("The report explains the terms.")
    return tuple(lines)


def _definitions(
    summary: Summary, funnel: FunnelSection | None, movers: MoversSection | None
) -> tuple[tuple[str, str], ...]:
    """Return the terms that the report uses, with their meanings."""
    orders = summary.order_changes
    is_provisional = bool(wording.provisional(summary).steps)
    at_equal_age = funnel and any(row.change_mark or row.recent_mark for row in funnel.rows)
    used = {
        "Step reached": funnel,
        "Conversion": funnel,
        "Step conversion": funnel,
        "Drop-off": funnel,
        "More than noise": wording.is_compared(summary) or wording.recent(summary),
        "Four weeks": wording.recent(summary),
        "Moved": movers and summary.movers.compared,
        "Adds to the total": movers and movers.rows,
        **{name: orders.of(kind) for kind, name in wording.CHANGE_NAMES.items()},
        "Stuck": orders.stuck.total,
        "Provisional": is_provisional or any(week.provisional for week in summary.trend),
        "At equal age": at_equal_age or wording.maturity(summary),
    }
    return tuple((term, meaning) for term, meaning in definitions(summary) if used.get(term, True))
