"""The section of docs/runbook.md on the checks, written from their definitions.

`make docs` writes it, `make check` compares it.
"""

from __future__ import annotations

from greenery.quality.checks import CHECKS
from greenery.quality.findings import expected
from greenery.quality.suite import REMEDIES, Check
from greenery.quality.validation import expectation
from greenery.settings import REPOSITORY

PAGE = REPOSITORY / "docs" / "runbook.md"
BEGIN, END = "<!-- checks: written by make docs -->\n", "<!-- end of checks -->\n"
HOW = {
    "critical": "The extract is held until it is corrected{}, and nothing of it is published. An extract that was "
    "admitted before stays admitted if only a model is wrong.",
    "warning": "The week is published; the report says so.",
    "info": "Kept in `quality.json`.",
}


def render() -> str:
    """Return the text of the runbook, with the section on the checks as it follows from their definitions now."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}{section()}{END}{after}"


def section() -> str:
    """Return the section as Markdown: the meaning of each remedy, then one row with an anchor for each check."""
    lines = ["| then | what to do |", "|---|---|"]
    lines += [f"| {name} | {text} |" for name, text in REMEDIES.items()]
    for severity, how in HOW.items():
        lines += ["", f"**{severity.capitalize()}.** {how.format(' or, where it says *accept*, accepted')}", ""]
        lines += ["| check | meaning | look at | owner | then |", "|---|---|---|---|---|"]
        lines += [
            f'| <a id="{check.id}"></a>`{check.id}` on `{check.relation}` | {check.meaning}{_limit(check)} '
            f"| {check.look} | {check.owner} | {check.remedy} |"
            for check in CHECKS
            if check.severity == severity
        ]
    return "\n".join(["", *lines, "", ""])


def _limit(check: Check) -> str:
    limit = expected(expectation(check).configuration)
    return "" if limit == "none" else f" Limit: {limit}."
