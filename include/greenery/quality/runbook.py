"""The part of docs/runbook.md that says what each check means and what to do: written from their definitions.

`make docs` writes it, `make check` compares it.
"""

from __future__ import annotations

import sys

from greenery.quality.checks import CHECKS
from greenery.quality.findings import expected
from greenery.quality.suite import REMEDIES, Check
from greenery.quality.validation import expectation
from greenery.settings import REPOSITORY

PAGE = REPOSITORY / "docs" / "runbook.md"
BEGIN, END = "<!-- checks: written by make docs -->\n", "<!-- end of checks -->\n"
HOW = {
    "critical": "The extract is held until it is corrected{}, and nothing of it is published. An extract that was "
    "admitted stays so where only a model is wrong.",
    "warning": "The week is published; the report says so.",
    "info": "Kept in `quality.json`.",
}


def section() -> str:
    """Return the section as Markdown: what each remedy is, then a row a check with its anchor."""
    lines = ["| then | what to do |", "|---|---|"]
    lines += [f"| {name} | {text} |" for name, text in REMEDIES.items()]
    for severity, how in HOW.items():
        lines += ["", f"**{severity.capitalize()}.** {how.format(' or, where it says *accept*, accepted')}", ""]
        lines += ["| check | meaning | look at | owner | then |", "|---|---|---|---|---|"]
        lines += [
            f'| <a id="{check.id}"></a>`{check.id}` on `{check.relation}` | {check.meaning} '
            f"Expected: {_expected(check)}. | {check.look} | {check.owner} | {check.remedy} |"
            for check in CHECKS
            if check.severity == severity
        ]
    return "\n".join(["", *lines, "", ""])


def _expected(check: Check) -> str:
    return expected(expectation(check).configuration)


def main() -> int:
    """Write the section into the runbook; with `--check` only compare it, and return 1 where it has drifted."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    wanted = f"{before}{BEGIN}{section()}{END}{after}"
    if text == wanted:
        return 0
    if "--check" in sys.argv:
        print("docs/runbook.md differs from the checks: run make docs and commit it.", file=sys.stderr)
        return 1
    PAGE.write_text(wanted, encoding="utf-8")
    print(f"wrote {PAGE.relative_to(REPOSITORY)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
