"""Who is told of what: one incident a check and week, opened, updated and resolved on every channel that is there.

The delivery ledger remembers what is open: a message of the kind `alert`, whose subject is the incident's key.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from greenery.channels import sent as ledger
from greenery.channels import transport
from greenery.channels.errors import PassingError, PermanentError
from greenery.messages import alert as model
from greenery.messages import alert_layout as render
from greenery.messages.alert import CRITICAL, Alert, key_of
from greenery.messages.alert_layout import HeldNotice
from greenery.settings import Settings

log = logging.getLogger(__name__)

ALERT, HELD, NOTICE = "alert", "held", "notice"
RESOLVED = "resolved"
Send = tuple[str, Callable[[], None]]  # over which channel, and what makes the send


class NotSentError(Exception):
    """Channels did not take what was to be sent; the others got it. The message says which and why."""

    def __init__(self, errors: Sequence[Exception]) -> None:
        super().__init__("; ".join(f"{type(error).__name__}: {error}" for error in errors))
        self.errors = errors

    @property
    def permanent(self) -> bool:
        """Whether another try would be refused as well."""
        return all(isinstance(error, PermanentError) for error in self.errors)


def channels(settings: Settings, severity: str) -> list[str]:
    """Return where an alert of this severity goes: a critical one pages; all go to the alert channel and by mail.

    Without any of these, to the outbox.
    """
    found = transport.there(settings, transport.ALERT_CHANNELS)
    return [name for name in found if name != "pagerduty" or severity == CRITICAL] or [transport.OUTBOX]


def open_incidents(settings: Settings, week: str) -> dict[str, Alert]:
    """Return the incidents of a week that are not resolved on every channel: by key, as they were last told.

    A send that began and never ended counts as open: the page may have gone out.
    """
    found: dict[str, Alert] = {}
    for message in ledger.messages(settings, ALERT, key_of(week, "")):
        reference = message["reference"] or {}
        if reference.get("state") != RESOLVED or message["doubtful"]:
            found[message["subject"]] = _remembered(message["subject"], reference)
    return found


def has_paged(settings: Settings, week: str) -> bool:
    """Return whether an open incident of a week has woken somebody: PagerDuty took it, or another where that is off."""
    pages = "pagerduty" in channels(settings, CRITICAL)
    return any(
        reference.get("state") == "open"
        and reference["alert"]["severity"] == CRITICAL
        and (message["channel"] == "pagerduty" or not pages)
        for message in ledger.messages(settings, ALERT, key_of(week, ""))
        if (reference := message["reference"] or {})
    )


def announce(
    settings: Settings, alerts: Sequence[Alert], run: str, *, once: bool = False, busy: set[str] | None = None
) -> None:
    """Open or update an incident for each alert, on each channel, whatever becomes of the others.

    run: what found it, such as `scheduled__2025-01-15`; a channel that can be updated says it of each run.
    once: whether a channel that has the incident open is left alone, whatever is new about it.
    busy: channels to leave out; those that turn out to be busy are added.

    Raises NotSentError at the end where a channel did not take something.
    """
    sends: list[Send] = []
    for alert in alerts:
        told_on = channels(settings, alert.severity)
        sends += [(channel, partial(_open, settings, alert, channel, run, once)) for channel in told_on]
        if "pagerduty" not in told_on:  # a page of an incident that has become a warning ends
            sends += [
                ("pagerduty", partial(_resolve, settings, message, f"{run}: it is a warning now"))
                for message in ledger.messages(settings, ALERT, alert.key)
                if (message["subject"], message["channel"]) == (alert.key, "pagerduty")
            ]
    _all(sends, busy)


def resolve(settings: Settings, alerts: dict[str, str], *, busy: set[str] | None = None) -> None:
    """Resolve incidents wherever they were told of; on a channel that is switched off since, only the ledger says so.

    alerts: by key what resolved it, such as `the run manual__…`.
    busy: as of `announce`.

    Raises NotSentError at the end where a channel did not take something.
    """
    told = [
        (message, by)
        for key, by in alerts.items()
        for message in ledger.messages(settings, ALERT, key)
        if message["subject"] == key
    ]
    _all([(message["channel"], partial(_resolve, settings, message, by)) for message, by in told], busy)


def hold(settings: Settings, held: HeldNotice) -> None:
    """Send the held notice of a week to those who expect its digest, once for the same content."""
    digest = hashlib.sha256(json.dumps(asdict(held)).encode()).hexdigest()

    def send(channel: str) -> None:
        with ledger.sending(settings, HELD, held.week, channel, digest) as sending:
            if sending:
                messages = render.held_to_slack(held), render.held_to_mail(held)
                reference = transport.send(settings, channel, sending, *messages, name=f"held-{held.week}")
                sending.finish({**reference, "held": asdict(held)})

    there = transport.there(settings, transport.DIGEST_CHANNELS)
    _all([(channel, partial(send, channel)) for channel in there])


def recovered(settings: Settings, week: str, by: str) -> None:
    """Have the held notice of a week say that it is over, where a message can be changed: a mail is past.

    by: what ended it, such as `the run manual__…`. Raises NotSentError where Slack did not take it.
    """

    def send(message: dict[str, Any]) -> None:
        with ledger.sending(settings, HELD, week, "slack", RESOLVED) as sending:
            if sending is None:
                return
            told = message["reference"]["held"]
            held = HeldNotice(**{**told, "reasons": tuple(told["reasons"]), "owners": tuple(told["owners"])})
            messages = render.held_to_slack(held, ended=by), render.held_to_mail(held)
            reference = transport.send(settings, "slack", sending, *messages)
            sending.finish({**reference, "held": told})

    _all(
        [
            ("slack", partial(send, message))
            for message in ledger.messages(settings, HELD, week)
            if message["channel"] == "slack" and "held" in (message["reference"] or {})
            if not transport.off(settings, "slack")
        ]
    )


def notice(settings: Settings, subject: str, text: str) -> None:
    """Send a line to the alert channel and by mail, once for the same text."""
    digest = hashlib.sha256(text.encode()).hexdigest()

    def send(channel: str) -> None:
        with ledger.sending(settings, NOTICE, f"{subject}/{digest[:16]}", channel, digest) as sending:
            if sending:
                messages = render.line_to_slack(text), render.line_to_mail(text)
                sending.finish(transport.send(settings, channel, sending, *messages, name=f"notice-{subject}"))

    _all([(channel, partial(send, channel)) for channel in channels(settings, model.WARNING)])


def _open(settings: Settings, alert: Alert, channel: str, run: str, once: bool) -> None:
    # A mail can't be updated: another one is worth it only where something else is wrong than was said.
    told = "open" if once else alert.state if channel == "email_alerts" else f"{alert.state} {run}"
    with ledger.sending(settings, ALERT, alert.key, channel, told) as sending:
        if sending is None:
            log.info("%s: %s has it already", alert.key, channel)
            return
        again = bool(sending.previous) and (sending.previous or {}).get("state") != RESOLVED
        note = f"{'Still failing' if again else 'Failing again'}: {run}"
        reference = transport.send(
            settings,
            channel,
            sending,
            render.to_slack(alert, note=note),
            render.to_mail(alert),
            render.to_pagerduty(alert) if alert.severity == CRITICAL else None,
            name=_file("alert", alert),
        )
        sending.finish({**reference, "state": "open", "alert": asdict(alert)})
        log.info("%s: told %s", alert.key, channel)


def _resolve(settings: Settings, message: dict[str, Any], by: str) -> None:
    key, channel = message["subject"], message["channel"]
    alert = _remembered(key, message["reference"] or {})
    with ledger.sending(settings, ALERT, key, channel, RESOLVED) as sending:
        if sending is None:
            return
        if off := transport.off(settings, channel):  # nobody can be told there any more: else it would stay open
            sending.finish({**(message["reference"] or {}), "state": RESOLVED, "alert": asdict(alert)})
            log.warning("%s: ended, and %s not told of it. %s", key, channel, off)
            return
        reference = transport.send(
            settings,
            channel,
            sending,
            render.to_slack(alert, resolved=by, note=f"Resolved by {by}."),
            render.to_mail(alert, resolved=by),
            None,
            name=_file("resolved", alert),
        )
        sending.finish({**reference, "state": RESOLVED, "alert": asdict(alert)})
        log.info("%s: resolved on %s", key, channel)


def _file(kind: str, alert: Alert) -> str:
    """Return the name of the files of an alert in the outbox."""
    return f"{kind}-{alert.week}-{alert.check.replace('/', '-')}"


def _remembered(key: str, reference: dict[str, Any]) -> Alert:
    """Return the alert as it was last told; of one whose sending never ended only the key is known."""
    if "alert" in reference:
        told = reference["alert"]
        return Alert(**{**told, "examples": tuple(told["examples"]), "also": tuple(told.get("also", ()))})
    week, check = key.split("/", 2)[1:]
    return Alert(key, CRITICAL, f"{check} failed", week, "", "data-team", check)


def _all(sends: Iterable[Send], busy: set[str] | None = None) -> None:
    """Make every send; raise NotSentError at the end where any failed.

    A channel that is busy is not asked again: waiting for it message by message would keep the others from being told.

    busy: channels to leave out from the start; those found busy are added.
    """
    errors: list[Exception] = []
    busy = set() if busy is None else busy
    for channel, send in sends:
        if channel in busy:
            log.warning("%s is busy: a message is left for another try", channel)
            continue
        try:
            send()
        except Exception as error:  # one channel's failure must not keep the others from being told
            log.exception("not sent")
            errors.append(error)
            if isinstance(error, PassingError):
                busy.add(channel)
    if errors:
        raise NotSentError(errors)
