"""Find the channels for alerts and held notices, and send to each of them."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import Any

from greenery.channels import mail, outbox, pagerduty, slack
from greenery.channels.channel import CHANNELS, OUTBOX, readiness
from greenery.channels.errors import PermanentError
from greenery.channels.reference import Reference
from greenery.channels.sent import Sending
from greenery.files import write_atomically
from greenery.messages.message import MailMessage, SlackMessage
from greenery.settings import Settings

log = logging.getLogger(__name__)


def there(settings: Settings, names: Sequence[str]) -> list[str]:
    """Return the names of the connected channels among these. If none is connected, return the outbox.

    For each of the other channels the missing connection or setting is logged. A channel whose connection this process
    can't read is returned only if there is no other channel. Sending then fails and so shows that nobody was notified.
    """
    found, unknown = [], []
    for name in names:
        ready = readiness(settings, CHANNELS[name])
        if ready.off:
            log.info(ready.off)
        elif ready.is_unknown:
            log.warning(ready.wrong)
            unknown.append(name)
        else:
            found.append(name)
    return found or unknown or [OUTBOX]


def off(settings: Settings, channel: str) -> str:
    """Return the missing connection or setting that switches a channel off; empty if nothing is missing."""
    return "" if channel == OUTBOX else readiness(settings, CHANNELS[channel]).off


def send(
    settings: Settings,
    channel: str,
    sending: Sending,
    slack_message: SlackMessage,
    mail_message: MailMessage,
    event: dict[str, Any] | None = None,
    name: str = "",
) -> Reference:
    """Send the message in the form of this channel; return the reference to keep.

    event: the event that opens an incident in PagerDuty; None resolves it.
    name: the name of the files in the outbox, without extension.

    Raises PermanentError if the channel refuses it or is configured wrongly, PassingError if another try may succeed.
    """
    if channel == OUTBOX:
        files = [outbox.put(settings, name, slack_message), outbox.put(settings, name, mail_message)]
        if event:
            files.append(settings.home / OUTBOX / f"{name}.pagerduty.json")
            write_atomically(files[-1], json.dumps(event, indent=2, ensure_ascii=False) + "\n")
        for file in files:
            log.info("no channel is connected: see %s", file)
        return Reference(files=tuple(map(str, files)))
    known = CHANNELS[channel]
    if wrong := readiness(settings, known).wrong:
        raise PermanentError(wrong)
    if channel == "pagerduty":
        return pagerduty.trigger(sending.subject, event) if event else pagerduty.resolve(sending.subject)
    if known.is_slack:
        target = settings.alert_channel if channel == "slack_alerts" else settings.slack_channel
        return slack.send(known.connection_id, target, slack_message, sending)
    to = settings.alert_email_to if channel == "email_alerts" else settings.email_to
    return mail.send(known.connection_id, to, settings.email_from, mail_message, sending)
