"""The digest as a Slack message."""

from __future__ import annotations

from greenery.report.digest import Digest
from greenery.report.messages import SlackMessage


def render(digest: Digest) -> SlackMessage:
    """Return the digest as Block Kit blocks."""
    return SlackMessage(
        text=f"{digest.title}: {digest.headline}",
        blocks=[
            {"type": "header", "text": {"type": "plain_text", "text": digest.title, "emoji": False}},
            {"type": "section", "text": {"type": "plain_text", "text": digest.headline, "emoji": False}},
        ],
    )
