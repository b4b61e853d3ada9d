"""The digest as a mail, in text and in HTML."""

from __future__ import annotations

from collections.abc import Iterator
from email.message import EmailMessage, MIMEPart
from typing import cast

from greenery.messages import wording
from greenery.messages.digest_parts import Correction, Digest, FunnelRow, OrderGroup, Restated, TrendRow
from greenery.messages.message import Attachment, MailMessage
from greenery.messages.rich_text import is_address
from greenery.messages.templating import environment

PICTURE = "funnel.png"
LONGEST_SUBJECT = 200


def render(digest: Digest, correction: Correction | None = None) -> MailMessage:
    """Return the digest as a mail with its picture and the changed orders.

    correction: the changes since the mail that this one replaces; None if the week's digest was not mailed before.
    """
    subject = f"{'Correction: ' if correction else ''}{digest.title}: {digest.headline.rstrip('.')}"
    restated = correction.restated if correction else digest.restated
    first = _what_changed(correction) if correction else restated and restated.notice
    notices = [*([first] if first else []), *digest.notices]
    inline = (Attachment(PICTURE, digest.picture, "image/png", digest.picture_text),) if digest.picture else ()
    orders = (Attachment("order_changes.csv", digest.orders.csv, "text/csv"),) if digest.orders.total else ()
    html = environment.get_template("mail.html.j2").render(
        digest=digest,
        subject=subject,
        notices=notices,
        correction=correction,
        restated=restated,
        links=digest.links.by_label(),
        is_address=is_address,
        picture=PICTURE,
        wording=wording,
    )
    return MailMessage(
        # A header must be one line.
        subject=wording.plain(subject, LONGEST_SUBJECT),
        text="\n".join(_text(digest, notices, restated, correction is not None)) + "\n",
        html=html,
        inline=inline,
        attachments=orders,
    )


def to_mime(message: MailMessage) -> EmailMessage:
    """Return the mail with its parts, subject and list id. The sender adds the other headers."""
    mime = EmailMessage()
    mime["Subject"] = message.subject
    mime["List-Id"] = message.list_id
    mime.set_content(message.text)
    mime.add_alternative(message.html, subtype="html")
    html = cast(MIMEPart, mime.get_body(("html",)))
    for image in message.inline:
        maintype, subtype = image.media_type.split("/")
        html.add_related(
            image.content, maintype, subtype, cid=f"<{image.name}>", filename=image.name, disposition="inline"
        )
    for file in message.attachments:
        maintype, subtype = file.media_type.split("/")
        mime.add_attachment(file.content, maintype=maintype, subtype=subtype, filename=file.name)
    return mime


def _what_changed(correction: Correction) -> str:
    return f"This {'corrects' if correction.restated else 'replaces'} the mail sent before. {correction.says}"


def _text(digest: Digest, notices: list[str], restated: Restated | None, is_correction: bool) -> Iterator[str]:
    """Yield the lines of the text part."""
    yield digest.title.upper()
    yield from _paragraph(*filter(None, [digest.headline, digest.verdict, digest.recent]))
    yield from _paragraph(*notices)
    if restated and is_correction:
        yield from _restated(restated)
    if digest.funnel:
        yield from _heading(digest.funnel.title)
        for row in digest.funnel.telling_rows:
            yield from _funnel_row(row)
        yield from _paragraph(*filter(None, [digest.funnel.drop_off, digest.funnel.slowest]))
        yield from _paragraph(*digest.funnel.notes)
    if digest.trend:
        yield from _heading("Over time")
        yield " / ".join(wording.STEP_NAMES.values())
        yield from (_trend_week(week) for week in digest.trend)
    yield from _paragraph(*filter(None, [digest.maturity]))
    if digest.movers:
        yield from _heading("What moved")
        yield digest.movers.lead
        for mover in digest.movers.rows:
            sessions = f"sessions {mover.sessions_before} → {mover.sessions}"
            yield f"- {mover.name}: {mover.conversion_before} → {mover.conversion} ({mover.change}), {sessions}"
            yield f"  adds {mover.contribution} to the total" + (f": {mover.parts}" if mover.parts else "")
            yield from [f"  {mover.link}"] if mover.link else []
    yield from _heading("Orders")
    yield digest.orders.lead
    for group in digest.orders.groups:
        yield from _group(group)
    yield from filter(None, [digest.orders.more_groups])
    if digest.orders.stuck_lead:
        yield from _paragraph(digest.orders.stuck_lead, *(f"{peers}." for peers in digest.orders.stuck_peers))
        yield from (f"- {order.order_id}: {order.status} for {order.days}" for order in digest.orders.stuck)
        yield from filter(None, [digest.orders.stuck_more])
    if restated and not is_correction:
        yield from _heading("Restated")
        yield restated.lead
        yield from _restated(restated)
    yield from _heading("About these figures")
    yield f"{digest.badge.label}."
    yield from (f"- {line}" for line in digest.badge.lines)
    yield from _paragraph(" ".join(digest.footer))
    yield from _paragraph(*(f"{label}: {address}" for label, address in digest.links.by_label().items()))


def _heading(text: str) -> Iterator[str]:
    yield from ("", text, "-" * len(text))


def _paragraph(*lines: str) -> Iterator[str]:
    if lines:
        yield from ("", *lines)


def _funnel_row(row: FunnelRow) -> Iterator[str]:
    step = f", {row.step_share} of {row.step_before}" if row.step_before else ""
    yield f"{row.name}{row.mark}: {row.sessions}, {row.share} of all{step}"
    yield from [f"  {row.changes}"] if row.changes else []


def _trend_week(week: TrendRow) -> str:
    equal_age = f"; shipped by its end {week.equal_age}" if week.equal_age else ""
    return f"Week to {week.week}: {' / '.join(week.shares)} of {week.sessions} sessions{equal_age}"


def _group(group: OrderGroup) -> Iterator[str]:
    yield f"- {group.name}: {group.orders}"
    yield from (f"  {order_id}" for order_id in group.ids)
    if group.more and group.ids:
        yield f"  {group.more}"


def _restated(restated: Restated) -> Iterator[str]:
    yield from (f"- {name}: {old} → {new}" for name, old, new in restated.figures)
    yield restated.in_all
