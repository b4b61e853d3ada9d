"""`greenery docs`: write the generated parts of the documentation, or compare them."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from greenery.settings import REPOSITORY


def docs(
    check: Annotated[bool, typer.Option("--check", help="Only compare. End with 1 if a page differs.")] = False,
) -> None:
    """Write docs/DAGS.md, docs/schemas, and the checks in docs/runbook.md, from the code.

    Example: `greenery docs --check`
    """
    # With them come Airflow and Great Expectations, which no other command has to wait for.
    from greenery.cli import dag_docs
    from greenery.quality import runbook
    from greenery.report import schemas

    pages = {dag_docs.PAGE: dag_docs.render(), runbook.PAGE: runbook.render(), **schemas.schemas()}
    # A schema without a model is a leftover.
    pages |= dict.fromkeys(set(schemas.FOLDER.glob("*")) - pages.keys(), "")
    drifted = False
    for page, text in pages.items():
        name = os.path.relpath(page, REPOSITORY)
        if (page.read_text(encoding="utf-8") if page.exists() else "") == text:
            print(f"{name} is up to date")
        elif check:
            drifted = True
            typer.echo(f"{name} differs from the code: run make docs and commit it.", err=True)
        elif text:
            page.parent.mkdir(exist_ok=True)
            page.write_text(text, encoding="utf-8")
            print(f"wrote {name}")
        else:
            page.unlink()
            print(f"removed {name}")
    if drifted:
        raise typer.Exit(1)
