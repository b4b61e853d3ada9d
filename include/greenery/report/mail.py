"""The digest as a mail."""

from __future__ import annotations

from email.message import EmailMessage, MIMEPart
from html import escape
from typing import cast

from greenery.report.digest import Digest
from greenery.report.messages import MailMessage


def render(digest: Digest, correction: bool = False) -> MailMessage:
    """Return the digest as a mail.

    correction: the week's digest was mailed before with other content; this one says what changed.
    """
    subject = f"{'Correction: ' if correction else ''}{digest.title}: {digest.headline}"
    return MailMessage(subject=subject, text=digest.headline + "\n", html=f"<p>{escape(digest.headline)}</p>")


def to_mime(message: MailMessage) -> EmailMessage:
    """Return the mail with its parts and the headers that follow from its content; the sender adds the others."""
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
