"""Deliver the digest of a week over one channel, once."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime

from greenery.channels import mail, outbox, sent, slack
from greenery.channels.channel import EMAIL, SLACK, Channel, Readiness, readiness, target
from greenery.channels.errors import PassingError, PermanentError
from greenery.channels.reference import Reference
from greenery.channels.sent import Sending
from greenery.messages import mail_message, slack_message, withdrawal
from greenery.messages.correction import correction_of, says_the_same
from greenery.messages.digest_parts import Correction, Digest
from greenery.report.reading import read_digest
from greenery.settings import Settings
from greenery.week import Week

AUTO, ALWAYS, NEVER = "auto", "always", "never"


class NotDeliveredError(Exception):
    """There is nothing to send. This is no fault. The message says why."""


def deliver(settings: Settings, as_of: datetime, channel: Channel, mode: str, *, is_scheduled: bool) -> str:
    """Deliver the digest of the week that ends at `as_of` (naive UTC) and return a line that says what was done.

    mode: `always`, `never` or `auto`. `auto` delivers if the run is scheduled, if the digest is owed to the channel, or
        if it was delivered there before, because its readers would otherwise keep wrong figures.

    Raises NotDeliveredError if nothing is to be sent, PermanentError or PassingError if sending fails, NoReportError
    if the week has no report.
    """
    day = Week(end=as_of).name
    if not _is_wanted(settings, as_of, channel, mode, is_scheduled):
        why = "auto: this is no scheduled run, and the week is neither owed nor delivered there"
        says = f"deliver is {NEVER if mode == NEVER else why}"
        raise NotDeliveredError(f"the digest of {day} is not delivered to {channel.name}: {says}.")
    ready = readiness(settings, channel)
    if not ready.is_on and not _was_used(settings, channel):
        sent.forgive(settings, as_of, channel.name)
        if any(readiness(settings, other).is_on for other in (SLACK, EMAIL)):
            raise NotDeliveredError(ready.off)
        digest = read_digest(settings, as_of)
        message = slack_message.render(digest) if channel is SLACK else mail_message.render(digest)
        path = outbox.put(settings, f"digest-{day}", message)
        return f"{ready.off} It would have sent {path}."
    sent.owe(settings, as_of, "its delivery began and has not ended", [channel.name])
    _check_ready(channel, ready)
    digest = read_digest(settings, as_of)
    with sent.sending(settings, "digest", day, channel.name, digest.content_hash) as sending:
        if sending is None:
            sent.forgive(settings, as_of, channel.name)
            done = f"the digest of {day} is in {channel.name} already, with this content: nothing is sent."
        else:
            readers_have = sent.content(settings, sending.corrects_hash) if sending.corrects else None
            sent.keep_content(settings, digest.content_hash, digest.content)
            if sending.previous and not sending.doubtful and says_the_same(digest, readers_have):
                sending.finish(sending.previous)
                done = f"the digest of {day} is in {channel.name} already, with the same figures: nothing is sent."
            else:
                correction = correction_of(digest, readers_have) if sending.corrects else None
                sending.finish(_send(settings, channel, digest, correction, sending))
                done = f"the digest of {day} was {'corrected' if correction else 'sent'} in {channel.name}."
    return done


def withdraw(settings: Settings, as_of: datetime, channel: Channel, reason: str) -> str:
    """Inform the readers of a week's digest that the week is withdrawn; return a line that says what was done.

    as_of: the end of the week (naive UTC). reason: why it is withdrawn.

    Raises NotDeliveredError if nobody received the digest, PermanentError or PassingError if sending fails.
    """
    day = Week(end=as_of).name
    if channel.name not in {message.channel for message in sent.messages(settings, "digest", day)}:
        raise NotDeliveredError(f"{day} is withdrawn, and nobody has its digest in {channel.name}.")
    ready = readiness(settings, channel)
    if not ready.is_on and not _was_used(settings, channel):
        raise NotDeliveredError(ready.off)
    _check_ready(channel, ready)
    content = {"withdrawn": reason}
    content_hash = hashlib.sha256(json.dumps(content).encode()).hexdigest()
    with sent.sending(settings, "digest", day, channel.name, content_hash) as sending:
        if sending is None:
            return f"{channel.name} says already that {day} is withdrawn: nothing is sent."
        sent.keep_content(settings, content_hash, content)
        if channel is SLACK:
            message = withdrawal.to_slack(as_of.isoformat(), reason)
            place = slack.send(channel.connection_id, settings.slack_channel, message, sending)
        else:
            mailed = withdrawal.to_mail(as_of.isoformat(), reason)
            place = mail.send(channel.connection_id, settings.email_to, settings.email_from, mailed, sending)
        sending.finish(place.model_copy(update=content))
    return f"{channel.name} says that {day} is withdrawn."


def _was_used(settings: Settings, channel: Channel) -> bool:
    """Return whether digests were sent over the channel, and its setting still names the receivers."""
    return bool(target(settings, channel)) and sent.has_sent(settings, "digest", channel.name)


def _check_ready(channel: Channel, ready: Readiness) -> None:
    """Raise if a channel that should be used can't be used.

    Airflow also reports a missing connection while its secrets backend can't be reached. So a missing connection does
    not switch off a channel that was used before.
    """
    if not ready.is_on:
        raise PassingError(
            f"{channel.name}: the connection {channel.connection_id} is not found, though digests went there before. "
            f"Run this again once it is there; unset {channel.setting} to switch the channel off."
        )
    if ready.wrong:
        raise PermanentError(ready.wrong)


def _is_wanted(settings: Settings, as_of: datetime, channel: Channel, mode: str, is_scheduled: bool) -> bool:
    if mode != AUTO:
        return mode == ALWAYS
    delivered = sent.last_sent(settings, "digest", Week(end=as_of).name)
    return (
        is_scheduled
        or sent.owed(settings, as_of, channel.name)
        or channel.name in {message.channel for message in delivered}
    )


def _send(
    settings: Settings, channel: Channel, digest: Digest, correction: Correction | None, sending: Sending
) -> Reference:
    if channel is SLACK:
        message = slack_message.render(digest, correction)
        return slack.send(channel.connection_id, settings.slack_channel, message, sending)
    mailed = mail_message.render(digest, correction)
    return mail.send(channel.connection_id, settings.email_to, settings.email_from, mailed, sending)
