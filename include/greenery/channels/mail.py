"""Send a message by email through the SMTP provider's connection.

A mail server can't be asked whether a mail arrived. So if the end of a send is doubtful, the mail is sent again with
the same Message-ID. Many mail programs then show it once.
"""

from __future__ import annotations

import hashlib
import re
import smtplib
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from greenery.channels.channel import in_ascii
from greenery.channels.errors import PassingError, PermanentError
from greenery.channels.reference import Reference
from greenery.channels.sent import Sending
from greenery.messages.mail_message import to_mime
from greenery.messages.message import MailMessage

TRIES = 4
STARTTLS = (
    'write {"disable_ssl": true} into the connection\'s extra for STARTTLS (port 587), or {"disable_tls": true} for '
    "TLS from the start (port 465)"
)


class _BusyError(Exception):
    """The server can't be reached, or asks to come back later."""


def send(connection_id: str, to: Sequence[str], sender: str, message: MailMessage, sending: Sending) -> Reference:
    """Send the mail to all addresses in `to`; return its Message-ID and the addresses that the server accepted.

    sender: the address in From; if empty, `from_email` of the connection's extra.
    sending: the attempt. It records accepted addresses at once, so that another attempt skips them.

    Raises PermanentError if the server refuses the mail or some addresses, PassingError if it can't be reached.
    """
    to = [in_ascii(address) for address in to]
    accepted: list[str] = list(sending.parts.accepted)
    refused: dict[str, str] = {}
    message_id = ""

    def attempt() -> None:
        nonlocal message_id
        waiting = [address for address in to if address not in accepted and address not in refused]
        if not waiting:
            return
        with _connected(connection_id) as (client, default_sender):
            mail = compose(message, to, in_ascii(sender or default_sender), sending)
            message_id = mail["Message-ID"]
            answers = _transmit(client, mail, waiting)
        if got := [address for address in waiting if address not in answers]:
            accepted.extend(got)
            sending.keep(accepted=tuple(accepted), message_id=message_id)
        refused.update({address: f"{code} {text}" for address, (code, text) in answers.items() if code >= 500})
        if later := {address: f"{code} {text}" for address, (code, text) in answers.items() if code < 500}:
            raise _BusyError(f"it asks to come back later for {_list(later)}")

    retrying = Retrying(
        retry=retry_if_exception_type(_BusyError),
        stop=stop_after_attempt(TRIES),
        wait=wait_exponential(multiplier=0.5, max=8),
        reraise=True,
    )
    try:
        retrying(attempt)
    except _BusyError as error:
        raise PassingError(f"The mail server of {connection_id} takes no mail after {TRIES} tries: {error}.") from error
    if refused:
        raise PermanentError(
            f"The mail server of {connection_id} refuses {_list(refused)}. "
            + (f"It was sent to {', '.join(accepted)}. " if accepted else "")
            + "Fix: correct or remove these addresses in the setting, then run this again. "
            "Recipients who have the mail are skipped."
        )
    return Reference(message_id=message_id or sending.parts.message_id, to=tuple(accepted))


def compose(message: MailMessage, to: Sequence[str], sender: str, sending: Sending | None = None) -> EmailMessage:
    """Return the mail with its addresses, and with headers that put all mails of its week into one thread.

    sending: the attempt, which names this mail and the mail that it corrects; None for a mail that is not sent.
    """
    mail = to_mime(replace(message, subject=" ".join(message.subject.split())))
    mail["From"] = sender
    mail["To"] = ", ".join(to)
    mail["Auto-Submitted"] = "auto-generated"  # asks for no automatic replies
    if sending:
        domain = parseaddr(sender)[1].rpartition("@")[2] or "greenery.invalid"
        # All mails of a week refer to the same id, which no mail has. Mail programs then show them as one thread.
        thread = f"<{_slug(sending.subject)}@{domain}>"
        earlier = (sending.previous and sending.previous.message_id) or None
        # If earlier content comes back after other content, the mail gets a new id, because many mail programs show
        # each id once.
        content = hashlib.sha256(f"{earlier} {sending.content_hash}".encode()).hexdigest()[:16]
        mail["Message-ID"] = f"<{_slug(sending.key)}.{content}@{domain}>"
        mail["In-Reply-To"] = earlier or thread
        mail["References"] = f"{thread} {earlier}" if earlier else thread
        mail["Date"] = format_datetime(datetime.now(UTC))
    return mail


def check(connection_id: str) -> None:
    """Log in to the mail server. Raises PermanentError if it refuses, PassingError if it can't be used now."""
    try:
        with _connected(connection_id) as (client, _):
            code, answer = client.noop()
    except _BusyError as error:
        raise PassingError(f"The mail server of {connection_id} can't be used now: {error}.") from error
    if code != 250:
        raise PassingError(f"The mail server of {connection_id} answers {code} {_text(answer)}.")


@contextmanager
def _connected(connection_id: str) -> Iterator[tuple[smtplib.SMTP, str]]:
    """Yield a logged-in client of the connection's server, and the sender that the connection names."""
    from airflow.providers.smtp.hooks.smtp import SmtpHook
    from airflow.sdk.exceptions import AirflowException

    try:
        with SmtpHook(smtp_conn_id=connection_id) as hook:
            # The hook itself sends only mails that it makes, and those can't hold inline images.
            client = hook._smtp_client
            if not isinstance(client, smtplib.SMTP):
                raise PermanentError(f"The connection {connection_id} gives no SMTP client: is it of type smtp?")
            yield client, hook.from_email or ""
    except AirflowException as error:  # the server closes the connection before its greeting
        raise _BusyError(str(error)) from error
    except (OSError, smtplib.SMTPException) as error:
        raise _meaning(connection_id, error) from error


def _transmit(client: smtplib.SMTP, mail: EmailMessage, to: Sequence[str]) -> dict[str, tuple[int, str]]:
    """Hand the mail over; return code and answer for each receiver that the server did not accept."""
    # The addresses go without names: a server without SMTPUTF8 accepts only ASCII, and a name can have any letter.
    receivers = {parseaddr(address)[1]: address for address in to}
    try:
        refused = client.send_message(mail, to_addrs=list(receivers))
    except smtplib.SMTPRecipientsRefused as error:
        # Nobody got the mail. The server was not asked about recipients that the error does not name.
        refused = dict.fromkeys(receivers, (421, b"not asked")) | error.recipients
    return {receivers[plain]: (code, _text(answer)) for plain, (code, answer) in refused.items()}


def _meaning(connection_id: str, error: Exception) -> Exception:
    """Return the error to raise for an error of the server or the network: PermanentError, which says what to fix, or
    _BusyError."""
    where = f"The mail server of {connection_id}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return PermanentError(
            f"{where} has a certificate that this machine does not trust ({error.verify_message}). Fix: use the name "
            "that the certificate is for as the host, or let SSL_CERT_FILE name the authority's certificate."
        )
    if isinstance(error, ssl.SSLError) and error.reason == "WRONG_VERSION_NUMBER":
        return PermanentError(f"{where} does not begin with TLS. Fix: {STARTTLS}.")
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return PermanentError(f"{where} can't do what is asked for: {error}. Fix: {STARTTLS}.")
    if isinstance(error, smtplib.SMTPResponseException):
        answer = f"{error.smtp_code} {_text(error.smtp_error)}"
        if error.smtp_code < 500:
            return _BusyError(answer)
        if isinstance(error, smtplib.SMTPAuthenticationError):
            return PermanentError(f"{where} refuses the login: {answer}. Fix: correct login and password there.")
        if isinstance(error, smtplib.SMTPSenderRefused):
            return PermanentError(
                f"{where} refuses the sender {error.sender}: {answer}. Fix: set GREENERY_EMAIL_FROM to an address "
                "that this login may send from, and check that it logs in."
            )
        return PermanentError(
            f"{where} refuses the mail: {answer}. Fix: let this login send from the sender's address to these "
            "receivers (a 5.7.1 is a rule of the server), or use another server."
        )
    return _BusyError(str(error) or type(error).__name__)


def _list(refused: dict[str, str]) -> str:
    return ", ".join(f"{address} ({answer})" for address, answer in sorted(refused.items()))


def _text(answer: bytes | str) -> str:
    text = answer.decode(errors="replace") if isinstance(answer, bytes) else answer
    return " ".join(text.split())


def _slug(text: str) -> str:
    """Return the text if it can stand in a Message-ID, else a hash of it."""
    return text if re.fullmatch(r"[A-Za-z0-9._-]+", text) else hashlib.sha256(text.encode()).hexdigest()[:32]
