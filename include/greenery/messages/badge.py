"""The line of a digest that says how the week's checks went, and the checks that failed."""

from __future__ import annotations

from greenery.messages import wording
from greenery.messages.check_results import CheckResult, CheckResults
from greenery.messages.digest_parts import Badge

QUALITY = "Data quality: "
SHOWN_CHECKS = 6


def build(results: CheckResults | None) -> Badge:
    """Return the badge of a week; results is None where nothing has been checked yet."""
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
    told = [_failed_check(check) for check in named[:SHOWN_CHECKS]]
    observed = [f"Observed: {wording.plain(check.observed, 120)}" for check in named[:SHOWN_CHECKS]]
    if len(named) > SHOWN_CHECKS:
        after.append("More failed: see the report")
    if results.landing_warnings:
        after.append(f"{wording.count(len(results.landing_warnings), 'note')} from landing: see the report")
    return Badge(
        label=label,
        lines=(*before, *(f"{text.rstrip('.')}. {seen}" for text, seen in zip(told, observed, strict=True)), *after),
        compared=(label, *before, *told, *after),
    )


def _failed_check(check: CheckResult) -> str:
    silenced = check.silenced
    text = f"{check.severity.capitalize()}: {wording.plain(check.check)} failed. It checks: "
    text += wording.plain(check.meaning, 160)
    if silenced:
        until = wording.date(silenced.until)
        text += f" (silenced until {until} by {wording.plain(silenced.owner)}: {wording.plain(silenced.reason)})"
    return text
