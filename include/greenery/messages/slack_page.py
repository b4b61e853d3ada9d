"""A page that shows a Slack message without Slack."""

from __future__ import annotations

from base64 import b64encode

from greenery.messages.message import Attachment, SlackMessage
from greenery.messages.templating import environment


def render(message: SlackMessage) -> str:
    """Return a page with the message's blocks and images, and with the names of the files for the thread."""
    images = {image.name: data_url(image) for image in message.images}
    return environment.get_template("slack.html.j2").render(message=message, images=images)


def data_url(attachment: Attachment) -> str:
    """Return an attachment as an address that holds its content."""
    return f"data:{attachment.media_type};base64,{b64encode(attachment.content).decode()}"
