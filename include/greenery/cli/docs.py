"""`greenery docs`: write the generated parts of the documentation, or compare them."""

from __future__ import annotations

from typing import Annotated

import typer

from greenery.settings import REPOSITORY


def docs(
    check: Annotated[bool, typer.Option("--check", help="Only compare; end with 1 where a page has drifted.")] = False,
) -> None:
    """Write docs/DAGS.md, and the checks in docs/runbook.md, from the code.

    Example: `greenery docs --check`
    """
    # With them come Airflow and Great Expectations, which no other command has to wait for.
    from greenery.cli import dag_docs
    from greenery.quality import runbook

    drifted = False
    for page, text in ((dag_docs.PAGE, dag_docs.render()), (runbook.PAGE, _runbook())):
        name = page.relative_to(REPOSITORY)
        if page.exists() and page.read_text(encoding="utf-8") == text:
            print(f"{name} is up to date")
        elif check:
            drifted = True
            typer.echo(f"{name} differs from the code: run make docs and commit it.", err=True)
        else:
            page.write_text(text, encoding="utf-8")
            print(f"wrote {name}")
    if drifted:
        raise typer.Exit(1)


def _runbook() -> str:
    """Return the runbook with the section on the checks as their definitions have it now."""
    from greenery.quality import runbook

    before, _, rest = runbook.PAGE.read_text(encoding="utf-8").partition(runbook.BEGIN)
    after = rest.partition(runbook.END)[2]
    return f"{before}{runbook.BEGIN}{runbook.section()}{runbook.END}{after}"
