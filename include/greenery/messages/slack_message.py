"""The digest as a Slack message.

Texts of the shop are only in rich text and plain text, in which Slack reads no markup. So the name of a product can't
notify a channel or turn bold. The fallback text and the note for the thread are read as markup, so they are escaped.
"""

from __future__ import annotations

from collections.abc import Iterable

from greenery.messages import wording
from greenery.messages.digest_parts import (
    Badge,
    Correction,
    Digest,
    FunnelRow,
    MoverRow,
    OrderGroup,
    OrdersSection,
    Restated,
)
from greenery.messages.message import Attachment, Block, SlackMessage
from greenery.messages.rich_text import link, links, rich, section, slack_escape, span

PICTURE = "funnel.png"
LONGEST_HEADER = 150
LONGEST_TEXT = 3000
LONGEST_ALT_TEXT = 2000
SHOWN_FIGURES = 5


def render(digest: Digest, correction: Correction | None = None) -> SlackMessage:
    """Return the digest as Block Kit blocks with its picture. The changed orders are a file for the thread.

    correction: the changes since the message that this one replaces; None if it replaces none.
    """
    picture = (Attachment(PICTURE, digest.picture, "image/png", digest.picture_text),) if digest.picture else ()
    orders = (
        (Attachment("order_changes.csv", digest.orders.csv, "text/csv", "Changed and new orders"),)
        if digest.orders.total
        else ()
    )
    return SlackMessage(
        text=slack_escape(f"{digest.title}. {digest.headline} {digest.verdict} {digest.recent}".strip()),
        blocks=list(_blocks(digest, correction.restated if correction else digest.restated)),
        images=picture,
        thread_files=orders,
        thread_note=slack_escape(_thread_note(correction)) if correction else "",
    )


def _thread_note(correction: Correction) -> str:
    if correction.restated:
        return f"Restated. {correction.says}\n{_restated(correction.restated)}"
    return f"Updated. {correction.says}"


def _blocks(digest: Digest, restated: Restated | None) -> Iterable[Block]:
    notices = [*([digest.restated.notice] if digest.restated else []), *digest.notices]
    yield {"type": "header", "text": _plain_text(wording.plain(digest.title, LONGEST_HEADER))}
    yield rich(
        section(span(digest.headline, bold=True)),
        *(section(span(text)) for text in (digest.verdict, digest.recent) if text),
        *([_list([[span(notice)] for notice in notices])] if notices else []),
    )
    if digest.funnel:
        yield rich(
            section(span(digest.funnel.title, bold=True)),
            _list([_funnel_row(row) for row in digest.funnel.rows]),
            section(span(" ".join(filter(None, [digest.funnel.drop_off, digest.funnel.slowest])))),
            *(section(span(note)) for note in digest.funnel.notes),
        )
    if digest.picture:
        yield {
            "type": "image",
            "slack_file": {"id": PICTURE},
            "alt_text": wording.plain(digest.picture_text, LONGEST_ALT_TEXT),
        }
    if digest.maturity:
        yield rich(section(span(digest.maturity)))
    if digest.movers:
        yield rich(
            section(span("What moved", bold=True)),
            section(span(digest.movers.lead)),
            *([_list([_mover(row) for row in digest.movers.rows])] if digest.movers.rows else []),
        )
    yield from _orders(digest.orders)
    if restated:
        yield rich(section(span("Restated", bold=True)), section(span(_restated(restated))))
    yield _context(_badge(digest.badge))
    yield _context(" ".join(digest.footer))
    yield from links(digest.links.by_label())


def _funnel_row(row: FunnelRow) -> list[Block]:
    figures = f" {row.sessions} · {row.share} of all"
    if row.step_before:
        figures += f" · {row.step_share} of {row.step_before}"
    elements = [span(row.name + row.mark, bold=True), span(figures)]
    return [*elements, *([span(f"\n{row.changes}")] if row.changes else [])]


def _mover(row: MoverRow) -> list[Block]:
    return [
        link(row.name, row.link, bold=True) if row.link else span(row.name, bold=True),
        span(f": {row.conversion_before} → {row.conversion} ({row.change})"),
        span(f", sessions {row.sessions_before} → {row.sessions}"),
        span(f"\nadds {row.contribution} to the total" + (f": {row.parts}" if row.parts else "")),
    ]


def _orders(orders: OrdersSection) -> Iterable[Block]:
    yield rich(
        section(span("Orders", bold=True)),
        section(span(orders.lead)),
        *([_list([_group(group) for group in orders.groups])] if orders.groups else []),
        *([section(span(orders.more_groups))] if orders.more_groups else []),
    )
    if orders.stuck_lead:
        stuck = [
            [span(order.order_id, code=True), span(f"\n{order.status} for {order.days}")] for order in orders.stuck
        ]
        yield rich(
            section(span("Stuck orders", bold=True)),
            section(span(" ".join([orders.stuck_lead, _peers(orders)]))),
            _list(stuck),
            *([section(span(orders.stuck_more))] if orders.stuck_more else []),
        )


def _peers(orders: OrdersSection) -> str:
    return f"({'; '.join(orders.stuck_peers)}.)"


def _group(group: OrderGroup) -> list[Block]:
    elements = [span(f"{group.name}: ", bold=True), span(group.orders)]
    for order_id in group.ids:
        elements += [span("\n"), span(order_id, code=True)]
    return [*elements, span(f"\n{group.more}")] if group.more and group.ids else elements


def _restated(restated: Restated) -> str:
    figures = [f"{name} {old} → {new}" for name, old, new in restated.figures[:SHOWN_FIGURES]]
    return "; ".join([*figures, restated.in_all])


def _badge(badge: Badge) -> str:
    return "\n".join([f"{badge.label}.", *badge.lines])


def _plain_text(text: str) -> Block:
    return {"type": "plain_text", "text": text, "emoji": False}


def _context(text: str) -> Block:
    cut = text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}{wording.ELLIPSIS}"
    return {"type": "context", "elements": [_plain_text(cut)]}


def _list(items: list[list[Block]]) -> Block:
    return {"type": "rich_text_list", "style": "bullet", "elements": [section(*item) for item in items]}
