"""The difference between a digest and the one sent before.

`sent` is the content of that one as it was kept: `{"summary": …, "badge": […]}`, or `{"withdrawn": "<reason>"}` where
the week was withdrawn since. Another version of the code may have written it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from greenery.figures.restatement import agree, compare
from greenery.messages import badge, restated, wording
from greenery.messages.digest_parts import Correction, Digest

Content = Mapping[str, Any]


def correction_of(current: Digest, sent: Content | None) -> Correction:
    """Return what changed since the digest sent before; sent is None where its content is not known."""
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
    """Return whether readers of the digest sent before know all that this one says.

    The two may have different hashes all the same: the summary of another version of the code has other keys.
    """
    return sent is not None and "withdrawn" not in sent and agree(sent, _shown(current))


def _shown(current: Digest) -> Content:
    """Return a digest's content. When weeks mature is left out, unless a step is provisional: only then is it shown."""
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
