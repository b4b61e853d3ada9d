"""The digest of a week: one model that Slack, mail and the page show. Every figure is one of the report's files."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from greenery.report import wording


@dataclass(frozen=True)
class Links:
    """Addresses that the digest points to; None where there is none, and then it is left out."""

    run: str | None = None
    report: str | None = None
    funnel: str | None = None


@dataclass(frozen=True)
class Digest:
    """What a week's digest says.

    content_hash: the same for the same figures and verdict, whichever run rendered them.
    """

    as_of: str
    title: str
    headline: str
    links: Links
    content_hash: str


def build(summary: dict, quality: dict | None, restatement: dict | None, links: Links) -> Digest:
    """Return the digest of a week.

    summary, quality, restatement: contents of the report's files; None where the file is not there.
    """
    return Digest(
        as_of=summary["as_of"],
        title=f"Greenery weekly: week to {wording.date(summary['as_of'])}",
        headline=wording.headline(summary) + ".",
        links=links,
        content_hash=_content_hash(summary, quality),
    )


def _content_hash(summary: dict, quality: dict | None) -> str:
    checks = quality["checks"] if quality else []
    badge = {
        "verdict": quality and quality["verdict"],
        "failed": sorted(check["check"] for check in checks if not check["passed"]),
        "accepted": quality and quality.get("accepted"),
    }
    return hashlib.sha256(json.dumps([summary, badge], sort_keys=True).encode()).hexdigest()
