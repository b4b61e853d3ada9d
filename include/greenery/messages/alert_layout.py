"""Alerts and held notices as Slack messages, mails and PagerDuty events, short enough to read on a phone in a minute.

In Slack all texts are rich text or plain text, in which Slack reads no markup. So a value can't notify a channel or
turn bold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from pydantic import BaseModel

from greenery.messages import wording
from greenery.messages.alert import Alert
from greenery.messages.check_results import CRITICAL
from greenery.messages.message import MailMessage, SlackMessage
from greenery.messages.rich_text import is_address, links, rich, section, slack_escape, span
from greenery.messages.templating import environment

LIST_ID = "Greenery alerts <alerts.greenery>"
HEADER_LENGTH = 150  # Slack's limits, and PagerDuty's
TEXT_LENGTH = 3000
PART_LENGTH = 600
SUMMARY_LENGTH = 1024
CELL_LENGTH = 60
SHOULD = "Should hold"

_MARKS = {"critical": "🔴", "warning": "🟡"}


class HeldNotice(BaseModel, frozen=True):
    """The notice that readers get instead of a digest if a week is held.

    week: the day on which it ends.
    reasons: one text for each check that failed.
    since: since when they fail, such as `8 Jan 2025, 3 weeks in a row`.
    owners: the teams that work on it.
    links: addresses or paths, by their labels.
    """

    week: str
    reasons: tuple[str, ...]
    since: str
    owners: tuple[str, ...]
    links: dict[str, str]

    @property
    def title(self) -> str:
        """The headline."""
        return f"Greenery weekly: the week to {wording.date(self.week)} is held"

    @property
    def outlook(self) -> str:
        """What readers can rely on until then."""
        return (
            "Its figures can't be trusted yet. Readers keep the last good state until the next week is published; "
            "the digest follows once it is right."
        )


def held_notice(alerts: Sequence[Alert]) -> HeldNotice:
    """Return the notice for a week that critical checks hold.

    alerts: the alerts of these checks; at least one.
    """
    longest = max(alerts, key=lambda alert: alert.streak)
    return HeldNotice(
        week=alerts[0].week,
        reasons=tuple(f"{alert.meaning} Observed: {alert.observed}." for alert in alerts),
        since=longest.since,
        owners=tuple(sorted({alert.owner for alert in alerts})),
        links={label: address for label, address in alerts[0].links.items() if label == "Checks of the week"},
    )


def title(alert: Alert, resolved: str = "") -> str:
    """Return the line that names an incident, such as `CRITICAL: sessions_unique failed in fct_sessions, week to …`."""
    return f"{'RESOLVED' if resolved else alert.severity.upper()}: {alert.title}, week to {wording.date(alert.week)}"


def facts(alert: Alert) -> dict[str, str]:
    """Return the facts for the person on call, by label. Unknown facts are left out."""
    found = {
        "Observed": alert.observed,
        "Expected": alert.expected,
        "Failing rows": alert.failing,
        "Also failed": "; ".join(alert.also),
        "Since": alert.since,
        "Held back": alert.held_back,
        "Owner": alert.owner,
        "Run": alert.run_type,
    }
    return {label: text for label, text in found.items() if text}


def to_slack(alert: Alert, resolved: str = "", note: str = "") -> SlackMessage:
    """Return the alert as a Slack message.

    resolved: the run or person that resolved it; empty while it is open.
    note: the text for the thread if the message replaces an earlier one.
    """
    headline = f"{'✅' if resolved else _MARKS.get(alert.severity, '')} {title(alert, resolved)}"
    should = span(_short(alert.meaning, PART_LENGTH))
    parts: list[dict[str, Any]] = [section(span(f"{SHOULD}: ", bold=True), should)]
    if resolved:
        parts.append(section(span("Resolved", bold=True), span(f" by {resolved}.")))
    else:
        parts += [
            section(span(f"{label}: ", bold=True), span(_short(text, PART_LENGTH)))
            for label, text in facts(alert).items()
        ]
        if alert.examples:
            parts.append(_preformatted(_table(alert.examples)))
        parts.append(section(span("Next: ", bold=True), span(_short(alert.fix, PART_LENGTH))))
        parts += [_preformatted(alert.command)] if alert.command else []
    blocks: list[dict[str, Any]] = [{"type": "header", "text": _plain(headline)}, rich(*parts)]
    return SlackMessage(
        text=slack_escape(headline), blocks=[*blocks, *links(alert.links)], thread_note=slack_escape(note)
    )


def to_mail(alert: Alert, resolved: str = "") -> MailMessage:
    """Return the alert as a mail. resolved: the run or person that resolved it; empty while it is open."""
    headline = title(alert, resolved)
    lines = [headline, "", f"{SHOULD}: {alert.meaning}", ""]
    if resolved:
        lines += [f"Resolved by {resolved}."]
    else:
        lines += [f"{label}: {text}" for label, text in facts(alert).items()]
        lines += ["", *(f"  {line}" for line in _table(alert.examples).splitlines())] if alert.examples else []
        lines += ["", f"Next: {alert.fix}", *(f"  {line}" for line in alert.command.splitlines())]
    lines += ["", *(f"{label}: {address}" for label, address in alert.links.items())]
    html = environment.get_template("alert.html.j2").render(
        headline=headline,
        should=SHOULD,
        color="#1a7048" if resolved else "#b3261e" if alert.severity == CRITICAL else "#8a5a00",
        alert=alert,
        resolved=resolved,
        facts=facts(alert),
        table=_table(alert.examples),
        is_address=is_address,
    )
    return MailMessage(subject=f"[greenery] {headline}", text="\n".join(lines) + "\n", html=html, list_id=LIST_ID)


def to_pagerduty(alert: Alert) -> dict[str, Any]:
    """Return the payload and the links of a trigger event, as PagerDuty's Events API v2 names them."""
    details: dict[str, Any] = facts(alert) | {
        SHOULD: alert.meaning,
        "Rows": list(alert.examples),
        "Next": f"{alert.fix} {alert.command}".strip(),
        **{label: address for label, address in alert.links.items() if not is_address(address)},
    }
    summary = f"{title(alert)}: {alert.observed}"
    return {
        "payload": {
            "summary": _short(summary, SUMMARY_LENGTH),
            "source": "greenery_weekly",
            "severity": alert.severity,
            "component": alert.relation or alert.check,
            "group": alert.week,
            "class": alert.check,
            "custom_details": {label: value for label, value in details.items() if value},
        },
        "links": [{"href": address, "text": label} for label, address in alert.links.items() if is_address(address)],
    }


def held_to_slack(held: HeldNotice, ended: str = "") -> SlackMessage:
    """Return a held notice as a Slack message. ended: what ended the hold; empty while it lasts."""
    headline = f"✅ {held.title.removesuffix('held')}no longer held" if ended else f"⏸️ {held.title}"
    reasons = [section(span(_short(reason, PART_LENGTH))) for reason in held.reasons]
    parts = [
        section(span(f"Ended by {ended}." if ended else held.outlook)),
        section(span("What had failed" if ended else "What failed", bold=True)),
        {"type": "rich_text_list", "style": "bullet", "elements": reasons},
        section(span("Since: ", bold=True), span(held.since)),
        section(span("Owner: ", bold=True), span(_short(", ".join(held.owners), PART_LENGTH))),
    ]
    blocks: list[dict[str, Any]] = [{"type": "header", "text": _plain(headline)}, rich(*parts)]
    note = "The week is no longer held." if ended else "The failed checks or their results have changed."
    return SlackMessage(text=slack_escape(headline), blocks=[*blocks, *links(held.links)], thread_note=note)


def held_to_mail(held: HeldNotice) -> MailMessage:
    """Return a held notice as a mail."""
    lines = [held.title, "", held.outlook, "", "What failed:", *(f"- {reason}" for reason in held.reasons)]
    lines += ["", f"Since: {held.since}", f"Owner: {', '.join(held.owners)}"]
    lines += ["", *(f"{label}: {address}" for label, address in held.links.items())]
    html = environment.get_template("held.html.j2").render(held=held, is_address=is_address)
    return MailMessage(subject=held.title, text="\n".join(lines) + "\n", html=html)


def line_to_slack(text: str) -> SlackMessage:
    """Return one line of text as a Slack message."""
    parts = [section(span(_short(text, TEXT_LENGTH)))]
    return SlackMessage(text=slack_escape(text), blocks=[rich(*parts)])


def line_to_mail(text: str) -> MailMessage:
    """Return one line of text as a mail."""
    subject = f"[greenery] {_short(text, 100)}"
    return MailMessage(subject=subject, text=f"{text}\n", html=f"<p>{escape(text)}</p>", list_id=LIST_ID)


def _table(examples: Sequence[Mapping[str, str]]) -> str:
    """Return rows as text with aligned columns. Long values are cut."""
    if not examples:
        return ""
    names = list(dict.fromkeys(name for row in examples for name in row))
    rows = [names, *([_short(row.get(name, ""), CELL_LENGTH) for name in names] for row in examples)]
    widths = [max(len(row[position]) for row in rows) for position in range(len(names))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": _short(text, HEADER_LENGTH), "emoji": True}


def _preformatted(text: str) -> dict[str, Any]:
    return {"type": "rich_text_preformatted", "elements": [span(_short(text, TEXT_LENGTH))]}


def _short(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"
