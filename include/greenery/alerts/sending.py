"""Notify people of incidents. There is one for each check and week. It is opened, updated and resolved on every channel
that is on.

The ledger of sent messages remembers open incidents: as messages of the kind `alert`, whose subject is the incident's
key.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from greenery.channels import sent, transport
from greenery.channels.channel import ALERT_CHANNELS, DIGEST_CHANNELS, EMAIL_ALERTS, OUTBOX, PAGERDUTY, SLACK
from greenery.channels.errors import PassingError, PermanentError
from greenery.channels.reference import Message, Reference
from greenery.messages import alert_layout
from greenery.messages.alert import Alert, key_of
from greenery.messages.alert_layout import HeldNotice
from greenery.messages.check_results import CRITICAL, WARNING
from greenery.settings import Settings

log = logging.getLogger(__name__)

ALERT, HELD, NOTICE = "alert", "held", "notice"
OPEN, RESOLVED = "open", "resolved"
Send = tuple[str, Callable[[], None]]  # the name of a channel, and a function that sends over it


class NotSentError(Exception):
    """Some channels did not accept a message; the others received it. The message names them and the reasons."""

    def __init__(self, errors: Sequence[Exception]) -> None:
        super().__init__("; ".join(f"{type(error).__name__}: {error}" for error in errors))
        self.errors = errors

    @property
    def permanent(self) -> bool:
        """Whether another try would be refused as well."""
        return all(isinstance(error, PermanentError) for error in self.errors)


def channels(settings: Settings, severity: str) -> list[str]:
    """Return the names of the channels for an alert of this severity.

    A critical alert pages. Every alert goes to the alert channel and by mail. If none of these channels is connected,
    it goes to the outbox.
    """
    found = transport.there(settings, ALERT_CHANNELS)
    return [name for name in found if name != PAGERDUTY.name or severity == CRITICAL] or [OUTBOX]


def open_incidents(settings: Settings, week: str) -> dict[str, Alert]:
    """Return the incidents of a week that are not resolved on every channel, by key, with the alert that was sent last.

    A send that began and never ended counts as open, because the page may have gone out.
    """
    return {
        message.subject: _remembered(message)
        for message in sent.messages(settings, ALERT, key_of(week, ""))
        if message.is_doubtful or _state(message) != RESOLVED
    }


def has_paged(settings: Settings, week: str) -> bool:
    """Return whether an open incident of a week has paged: PagerDuty accepted it or, if it is off, another channel."""
    pages = PAGERDUTY.name in channels(settings, CRITICAL)
    return any(
        _state(message) == OPEN
        and _remembered(message).severity == CRITICAL
        and (message.channel == PAGERDUTY.name or not pages)
        for message in sent.messages(settings, ALERT, key_of(week, ""))
    )


def notify(
    settings: Settings, alerts: Sequence[Alert], run: str, *, once: bool = False, busy: set[str] | None = None
) -> None:
    """Open or update an incident for each alert on each channel. A channel that fails does not stop the others.

    run: the run that found the failures, such as `the scheduled run scheduled__2025-01-15`. A message that can be
        updated names each run that finds them.
    once: whether a channel that has the incident already gets no update.
    busy: channels to leave out. Channels that turn out to be busy are added.

    Raises NotSentError at the end if a channel did not accept a message.
    """
    sends: list[Send] = []
    for alert in alerts:
        notified = channels(settings, alert.severity)
        sends += [(channel, partial(_open, settings, alert, channel, run, once)) for channel in notified]
        if PAGERDUTY.name not in notified:  # the incident is a warning now, so its page is resolved
            sends += [
                (PAGERDUTY.name, partial(_resolve, settings, message, f"{run}: it is a warning now"))
                for message in sent.messages(settings, ALERT, alert.key)
                if (message.subject, message.channel) == (alert.key, PAGERDUTY.name)
            ]
    _all(sends, busy)


def resolve(settings: Settings, alerts: dict[str, str], *, busy: set[str] | None = None) -> None:
    """Resolve incidents on every channel that has them. If a channel was switched off, only the ledger records it.

    alerts: for each incident's key, what resolved it, such as `the run manual__…`.
    busy: as in `notify`.

    Raises NotSentError at the end if a channel did not accept a message.
    """
    known = [
        (message, by)
        for key, by in alerts.items()
        for message in sent.messages(settings, ALERT, key)
        if message.subject == key
    ]
    _all([(message.channel, partial(_resolve, settings, message, by)) for message, by in known], busy)


def send_held_notice(settings: Settings, held: HeldNotice) -> None:
    """Send the notice that a week is held to the channels of its digest, once for the same content.

    Raises NotSentError at the end if a channel did not accept it.
    """
    digest = hashlib.sha256(json.dumps(held.model_dump(mode="json")).encode()).hexdigest()

    def send(channel: str) -> None:
        with sent.sending(settings, HELD, held.week, channel, digest) as sending:
            if sending:
                messages = alert_layout.held_to_slack(held), alert_layout.held_to_mail(held)
                reference = transport.send(settings, channel, sending, *messages, name=f"held-{held.week}")
                sending.finish(reference.model_copy(update={"held": held}))

    there = transport.there(settings, DIGEST_CHANNELS)
    _all([(channel, partial(send, channel)) for channel in there])


def end_held_notice(settings: Settings, week: str, by: str) -> None:
    """Update the held notice of a week in Slack: it says what ended the hold. A mail can't be changed.

    by: what ended it, such as `the run manual__…`.

    Raises NotSentError if Slack did not accept the update.
    """

    def send(held: HeldNotice) -> None:
        with sent.sending(settings, HELD, week, SLACK.name, RESOLVED) as sending:
            if sending:
                messages = alert_layout.held_to_slack(held, ended=by), alert_layout.held_to_mail(held)
                reference = transport.send(settings, SLACK.name, sending, *messages)
                sending.finish(reference.model_copy(update={"held": held}))

    _all(
        [
            (SLACK.name, partial(send, message.reference.held))
            for message in sent.messages(settings, HELD, week)
            if message.channel == SLACK.name and message.reference and message.reference.held
            if not transport.off(settings, SLACK.name)
        ]
    )


def send_line(settings: Settings, subject: str, text: str) -> None:
    """Send a line to the alert channel and by mail, once for the same text.

    subject: a name for the ledger and the outbox, such as `silences`.

    Raises NotSentError at the end if a channel did not accept it.
    """
    digest = hashlib.sha256(text.encode()).hexdigest()

    def send(channel: str) -> None:
        with sent.sending(settings, NOTICE, f"{subject}/{digest[:16]}", channel, digest) as sending:
            if sending:
                messages = alert_layout.line_to_slack(text), alert_layout.line_to_mail(text)
                sending.finish(transport.send(settings, channel, sending, *messages, name=f"notice-{subject}"))

    _all([(channel, partial(send, channel)) for channel in channels(settings, WARNING)])


def _open(settings: Settings, alert: Alert, channel: str, run: str, once: bool) -> None:
    # A mail can't be updated, so another one is sent only if something new is wrong.
    content = OPEN if once else alert.state if channel == EMAIL_ALERTS.name else f"{alert.state} {run}"
    with sent.sending(settings, ALERT, alert.key, channel, content) as sending:
        if sending is None:
            log.info("%s: %s has it already", alert.key, channel)
            return
        is_open = bool(sending.previous and sending.previous.state != RESOLVED)
        note = f"{'Still failing' if is_open else 'Failing again'}: {run}"
        reference = transport.send(
            settings,
            channel,
            sending,
            alert_layout.to_slack(alert, note=note),
            alert_layout.to_mail(alert),
            alert_layout.to_pagerduty(alert) if alert.severity == CRITICAL else None,
            name=_file("alert", alert),
        )
        sending.finish(reference.model_copy(update={"state": OPEN, "alert": alert}))
        log.info("%s: sent to %s", alert.key, channel)


def _resolve(settings: Settings, message: Message, by: str) -> None:
    key, channel, alert = message.subject, message.channel, _remembered(message)
    ended = {"state": RESOLVED, "alert": alert}
    with sent.sending(settings, ALERT, key, channel, RESOLVED) as sending:
        if sending is None:
            return
        if off := transport.off(settings, channel):  # no message can go out, so the incident would stay open for ever
            sending.finish((message.reference or Reference()).model_copy(update=ended))
            log.warning("%s: resolved, without a message to %s. %s", key, channel, off)
            return
        reference = transport.send(
            settings,
            channel,
            sending,
            alert_layout.to_slack(alert, resolved=by, note=f"Resolved by {by}."),
            alert_layout.to_mail(alert, resolved=by),
            None,
            name=_file("resolved", alert),
        )
        sending.finish(reference.model_copy(update=ended))
        log.info("%s: resolved on %s", key, channel)


def _file(kind: str, alert: Alert) -> str:
    """Return the name of the files of an alert in the outbox."""
    return f"{kind}-{alert.week}-{alert.check.replace('/', '-')}"


def _state(message: Message) -> str:
    return message.reference.state if message.reference else ""


def _remembered(message: Message) -> Alert:
    """Return the alert as it was last sent. If its sending never ended, only its key is known."""
    if message.reference and message.reference.alert:
        return message.reference.alert
    week, check = message.subject.split("/", 2)[1:]
    return Alert(
        key=message.subject,
        severity=CRITICAL,
        title=f"{check} failed",
        week=week,
        run_type="",
        owner="data-team",
        check=check,
    )


def _all(sends: Iterable[Send], busy: set[str] | None = None) -> None:
    """Make every send; raise NotSentError at the end if any failed.

    A busy channel is not tried again, because waiting for it message by message would delay the other channels.

    busy: channels to leave out from the start. Channels that turn out to be busy are added.
    """
    errors: list[Exception] = []
    busy = set() if busy is None else busy
    for channel, send in sends:
        if channel in busy:
            log.warning("%s is busy: a message is left for another try", channel)
            continue
        try:
            send()
        except Exception as error:  # the other channels must get their messages
            log.exception("not sent")
            errors.append(error)
            if isinstance(error, PassingError):
                busy.add(channel)
    if errors:
        raise NotSentError(errors)
