"""The difference between a digest and the digest that was sent before.

`sent` is the content of the earlier one: `{"summary": …, "badge": […]}`, or `{"withdrawn": "<reason>"}` if the week was
withdrawn since. Another version of the code may have written it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from greenery.figures.restatement import agree, compare
from greenery.messages import badge, restated, wording
from greenery.messages.digest_parts import Correction, Digest

Content = Mapping[str, Any]


def correction_of(current: Digest, sent: Content | None) -> Correction:
    """Return the changes since the digest that was sent before. sent: its content; None if it is not known."""
    if sent is None:
        return Correction(says="The earlier content is no longer known, so the changes are not listed.", restated=None)
    if withdrawn := sent.get("withdrawn"):
        return Correction(says=f"It said that the week is withdrawn: {wording.plain(withdrawn, 200)}.", restated=None)
    changed = compare(sent["summary"], current.content["summary"])
    quality = _badge_change(sent["badge"], current.badge.compared)
    if not changed.figures and not changed.orders:
        says = " ".join(["The figures are unchanged.", quality or "The checks are unchanged too."])
        return Correction(says=says, restated=None)
    says = " ".join(filter(None, ["These figures differ from the ones sent before.", quality]))
    in_all = f"{restated.in_all(changed)}."
    return Correction(says=says, restated=restated.build(changed).model_copy(update={"in_all": in_all}))


def says_the_same(current: Digest, sent: Content | None) -> bool:
    """Return whether the digest that was sent before says the same as this one.

    Their hashes can still differ, because another version of the code writes other keys into the summary.
    """
    return sent is not None and "withdrawn" not in sent and agree(sent, _shown(current))


def _shown(current: Digest) -> Content:
    """Return the content that a digest shows. It shows the day of maturity only if a step is provisional."""
    provisional = current.summary.provisional
    if provisional.steps or provisional.all_time.steps:
        return current.content
    hidden = {"provisional": {"maturity_days", "mature_at"}}
    summary = current.summary.model_dump(mode="json", by_alias=True, exclude=hidden)
    return {**current.content, "summary": summary}


def _badge_change(old: Sequence[str], new: Sequence[str]) -> str:
    """Return the changed lines of a badge as sentences, label first; empty where none changed."""
    if list(old) == list(new):
        return ""
    before = f"; before: {old[0].removeprefix(badge.QUALITY)}" if old[0] != new[0] else ""
    lines = [f"{new[0]}{before}"]
    lines += [f"New: {line}" for line in new[1:] if line not in old]
    lines += [f"No longer: {line}" for line in old[1:] if line not in new]
    return " ".join(f"{line.rstrip('.')}." for line in lines)
