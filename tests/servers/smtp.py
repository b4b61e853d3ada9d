"""A mail server on loopback that takes mail only by STARTTLS and with a login, and fails where a test asks it to."""

from __future__ import annotations

import functools
import json
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

USER, PASSWORD = "greenery", "mail-secret-1"

LOST = "lost"  # the line is cut instead of an answer


@dataclass
class Mail:
    """A mail that was taken."""

    to: list[str]
    message: EmailMessage


@dataclass
class SmtpServer:
    """The server and what it took. Use it as a context manager; `ca` is the file that SSL_CERT_FILE has to name.

    faults: answers to the next mails in place of `250 OK`; LOST cuts the line after the mail was taken.
    refused: answer to RCPT by address: always, or the next ones of a list.
    log: commands that matter, in order.
    """

    folder: Path
    user: str = USER
    password: str = PASSWORD
    mails: list[Mail] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    refused: dict[str, str | list[str]] = field(default_factory=dict)
    sender_refused: str = ""
    log: list[str] = field(default_factory=list)
    on_mail: Callable[[], None] = lambda: None

    def __enter__(self) -> SmtpServer:
        authority, certificate = _certificates()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        self.ca = self.folder / "ca.pem"
        authority.cert_pem.write_to_path(str(self.ca))
        self.controller = _Controller(
            _Handler(self),
            hostname="127.0.0.1",
            port=0,
            ready_timeout=10,
            tls_context=context,
            require_starttls=True,
            authenticator=self._authenticate,
            auth_required=True,
            enable_SMTPUTF8=False,
        )
        self.controller.start()
        self.port = self.controller.server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self.controller.stop()

    def connection(self, **extra: Any) -> str:
        """Return the connection to this server, as in AIRFLOW_CONN_GREENERY_EMAIL."""
        return json.dumps(
            {
                "conn_type": "smtp",
                "host": "localhost",
                "port": self.port,
                "login": self.user,
                "password": PASSWORD,
                "extra": {"disable_ssl": True, "timeout": 3, "retry_limit": 0, **extra},
            }
        )

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        is_right = (data.login.decode(), data.password.decode()) == (self.user, self.password)
        self.log.append(f"AUTH {mechanism} {'ok' if is_right else 'refused'}{' by TLS' if session.ssl else ''}")
        return AuthResult(success=is_right, handled=False)


@functools.cache
def _certificates() -> tuple[trustme.CA, trustme.LeafCert]:
    """Return an authority and a certificate of it for all servers of this process."""
    authority = trustme.CA()
    return authority, authority.issue_cert("localhost", "127.0.0.1")


class _Controller(Controller):
    def _trigger_server(self) -> None:
        """Connect once, as aiosmtpd does to see that it runs; the port is known only now."""
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@dataclass
class _Handler:
    server: SmtpServer

    async def handle_MAIL(self, smtp: SMTP, session: Session, envelope: Envelope, address: str, options: list) -> str:
        if self.server.sender_refused:
            return self.server.sender_refused
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, smtp: SMTP, session: Session, envelope: Envelope, address: str, options: list) -> str:
        refusal = self.server.refused.get(address)
        if isinstance(refusal, list):
            refusal = refusal.pop(0) if refusal else None
        if refusal:
            self.server.log.append(f"RCPT {address} {refusal}")
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, smtp: SMTP, session: Session, envelope: Envelope) -> str:
        fault = self.server.faults.pop(0) if self.server.faults else ""
        if fault and fault != LOST:
            self.server.log.append(f"DATA {fault}")
            return fault
        message = message_from_bytes(envelope.content, policy=policy.default)
        self.server.mails.append(Mail(list(envelope.rcpt_tos), message))
        self.server.log.append(f"DATA taken for {', '.join(envelope.rcpt_tos)}" + (", line cut" if fault else ""))
        self.server.on_mail()
        if fault == LOST:
            smtp.transport.abort()
        return "250 OK"
