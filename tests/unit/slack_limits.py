"""Slack's rules for a message of blocks, and a message as plain text."""

from __future__ import annotations

from collections.abc import Iterator

from greenery.messages.message import SlackMessage

BLOCKS, TEXT, HEADER, ALT_TEXT, CONTEXT_ELEMENTS = 50, 3000, 150, 2000, 10


def check(message: SlackMessage) -> None:
    """Fail where Slack would refuse the message."""
    assert 1 <= len(message.blocks) <= BLOCKS
    assert 1 <= len(message.text) <= TEXT
    assert len(message.thread_note) <= TEXT
    images = {image.name: image for image in message.images}
    for image in message.images:
        assert image.content.startswith(b"\x89PNG")
        assert len(image.content) < 10_000_000
    for block in message.blocks:
        if block["type"] == "header":
            _plain_text(block["text"], HEADER)
        elif block["type"] == "context":
            assert 1 <= len(block["elements"]) <= CONTEXT_ELEMENTS
            for element in block["elements"]:
                _plain_text(element, TEXT)
        elif block["type"] == "image":
            assert 1 <= len(block["alt_text"]) <= ALT_TEXT
            assert block["slack_file"]["id"] in images
            assert set(block) == {"type", "slack_file", "alt_text"}
        else:
            assert block["type"] == "rich_text"
            assert block["elements"]
            assert sum(len(text) for text in _texts(block)) <= TEXT
            for part in block["elements"]:
                _rich_text(part)


def as_text(message: SlackMessage) -> str:
    """Return all that a message says: blocks as they are read, then what the notification and the thread say."""
    parts = []
    for block in message.blocks:
        if block["type"] == "rich_text":
            parts.append("\n".join(_part_text(part) for part in block["elements"]))
        elif block["type"] == "context":
            parts.append("\n".join(f"({element['text']})" for element in block["elements"]))
        else:
            parts.append(f"[{block['alt_text']}]" if block["type"] == "image" else f"# {block['text']['text']}")
    files = ", ".join(file.name for file in message.thread_files) or "none"
    return (
        "\n\n".join(
            [*parts, f"Text: {message.text}", f"Thread files: {files}", f"Note: {message.thread_note or 'none'}"]
        )
        + "\n"
    )


def _part_text(part: dict) -> str:
    if part["type"] == "rich_text_list":
        return "\n".join(f"- {_part_text(item)}".replace("\n", "\n  ") for item in part["elements"])
    return "".join(_element_text(element) for element in part["elements"])


def _element_text(element: dict) -> str:
    if element["type"] == "link":
        return f"{element['text']} <{element['url']}>"
    style = element.get("style", {})
    sign = "*" if style.get("bold") else "`" if style.get("code") else ""
    return f"{sign}{element['text']}{sign}"


def _plain_text(text: dict, longest: int) -> None:
    assert text["type"] == "plain_text"
    assert text["emoji"] is False
    assert 1 <= len(text["text"]) <= longest


def _rich_text(part: dict) -> None:
    assert part["elements"]
    if part["type"] == "rich_text_list":
        assert part["style"] == "bullet"
        assert {item["type"] for item in part["elements"]} == {"rich_text_section"}
        for item in part["elements"]:
            _rich_text(item)
        return
    assert part["type"] == "rich_text_section"
    for element in part["elements"]:
        assert element["type"] in ("text", "link")
        assert element["text"]
        assert set(element.get("style", {})) <= {"bold", "code"}
        if element["type"] == "link":
            assert element["url"].startswith(("http://", "https://"))


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if value.get("type") in ("text", "link"):
            yield str(value["text"])
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)
