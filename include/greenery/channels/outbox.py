"""The outbox: if no channel is connected, messages are written to files in `<home>/outbox/`."""

from __future__ import annotations

import json
from pathlib import Path

from greenery.channels import mail
from greenery.files import write_atomically
from greenery.messages.message import MailMessage, SlackMessage
from greenery.settings import Settings

READER = "reader@greenery.invalid"
SENDER = "Greenery weekly <greenery@greenery.invalid>"


def put(settings: Settings, name: str, message: SlackMessage | MailMessage) -> Path:
    """Write the message as `<home>/outbox/<name>.json` or `.eml`, and return the path. An existing file is replaced.

    A Slack message is written as the JSON of `chat.postMessage`. Its files are put into the folder `<name>` beside it.
    """
    folder = settings.home / "outbox"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if isinstance(message, MailMessage):
        path = folder / f"{name}.eml"
        write_atomically(
            path, mail.compose(message, settings.email_to or [READER], settings.email_from or SENDER).as_bytes()
        )
        return path
    for file in (*message.images, *message.thread_files):
        write_atomically(folder / name / Path(file.name).name, file.content)
    payload = {"channel": settings.slack_channel, "text": message.text, "blocks": message.blocks}
    if message.thread_note:
        payload["thread_note"] = message.thread_note
    path = folder / f"{name}.json"
    write_atomically(path, json.dumps(payload, indent=2, ensure_ascii=False) + "\n")
    return path
