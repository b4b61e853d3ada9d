"""The part of a digest about the week's checks: how many passed, and which failed."""

from __future__ import annotations

from greenery.messages import wording
from greenery.messages.check_results import CheckResult, CheckResults
from greenery.messages.digest_parts import Badge

QUALITY = "Data quality: "
SHOWN_CHECKS = 6


def build(results: CheckResults | None) -> Badge:
    """Return the badge of a week. results: None if no check has been made yet."""
    if not results or not results.checks:
        label = f"{QUALITY}no check has been made"
        return Badge(label=label, lines=(), compared=(label,))
    checks = results.told
    failed = [check for check in checks if not check.passed]
    accepted = results.accepted
    total = wording.count(len(checks), "check")
    label = f"{QUALITY}{wording.count(len(checks) - len(failed))} of {total} passed"
    before, after = [], []
    if accepted:
        names = [wording.plain(name) for name in accepted.checks[:SHOWN_CHECKS]]
        names += ["and more"] if len(accepted.checks) > SHOWN_CHECKS else []
        before.append(f"Accepted though {', '.join(names)} failed. Reason: {wording.plain(accepted.reason, 200)}")
    named = [check for check in failed if not check.told_by and not (accepted and check.check in accepted.checks)]
    shown = named[:SHOWN_CHECKS]
    if len(named) > SHOWN_CHECKS:
        after.append("More failed: see the report")
    if results.landing_warnings:
        after.append(f"{wording.count(len(results.landing_warnings), 'note')} from landing: see the report")
    return Badge(
        label=label,
        lines=(*before, *(_failed_check(check) for check in shown), *after),
        compared=(label, *before, *(_told(check) for check in shown), *after),
    )


def _failed_check(check: CheckResult) -> str:
    """Return the line of a failed check: observation, name, rule, and its silence if it has one."""
    observed = wording.plain(check.observed, 120).rstrip(".")
    text = f"{check.severity.capitalize()}: {observed} ({wording.plain(check.check)}). "
    text += f"Rule: {wording.plain(check.meaning, 160)}"
    return f"{text.rstrip('.')}. Silenced {_silence(check)}." if check.silenced else text


def _told(check: CheckResult) -> str:
    """Return the line without the observation. Sent digests are recorded in these words, so the words must stay."""
    text = f"{check.severity.capitalize()}: {wording.plain(check.check)} failed. It checks: "
    text += wording.plain(check.meaning, 160)
    return f"{text} (silenced {_silence(check)})" if check.silenced else text


def _silence(check: CheckResult) -> str:
    silenced = check.silenced
    if not silenced:
        return ""
    return f"until {wording.date(silenced.until)} by {wording.plain(silenced.owner)}: {wording.plain(silenced.reason)}"
