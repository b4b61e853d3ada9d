"""Parts of a Slack message that digests and alerts share. Slack reads no markup in rich text."""

from __future__ import annotations

from collections.abc import Mapping

from greenery.messages.message import Block


def slack_escape(text: str) -> str:
    """Return the text escaped, so that Slack shows it unchanged, notifies nobody and links nothing."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def rich(*elements: Block) -> Block:
    """Return a block of sections and lists."""
    return {"type": "rich_text", "elements": list(elements)}


def section(*elements: Block) -> Block:
    """Return a paragraph of texts and links."""
    return {"type": "rich_text_section", "elements": list(elements)}


def span(text: str, **style: bool) -> Block:
    """Return text in one style, such as `bold=True`."""
    return {"type": "text", "text": text, **({"style": style} if style else {})}


def link(text: str, address: str, **style: bool) -> Block:
    """Return text that links to an address, in one style."""
    return {"type": "link", "url": address, "text": text, **({"style": style} if style else {})}


def links(addresses: Mapping[str, str]) -> list[Block]:
    """Return one block with all links, by their labels; no block if there are no links.

    A path can't be opened from Slack, so it is shown as text.
    """
    elements: list[Block] = []
    for label, address in addresses.items():
        elements += [span(" · ")] if elements else []
        if is_address(address):
            elements.append(link(label, address))
        else:
            elements += [span(f"{label}: "), span(address, code=True)]
    return [rich(section(*elements))] if elements else []


def is_address(text: str) -> bool:
    """Return whether a text is an address that opens from anywhere."""
    return text.startswith(("http://", "https://"))
