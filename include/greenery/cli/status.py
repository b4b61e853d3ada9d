"""`greenery status`: the state of each week, and the next command."""

from __future__ import annotations

from rich.console import Console
from rich.table import Column, Table

from greenery import commands
from greenery.cli.doctor import use_connections_of
from greenery.report.weeks import listed
from greenery.settings import load
from greenery.warehouse.access import shares_records


def status() -> None:
    """Print a table of all weeks: landed, held and why, running, late, published, restated, delivered; and the next
    commands.

    Example: `greenery status`
    """
    settings = load()
    if shares_records(settings):
        use_connections_of(settings)
    weeks = listed(settings)
    # Reasons are printed without interpreting markup, and commands are never shortened.
    console = Console(highlight=False, markup=False, emoji=False)
    if not weeks:
        console.print(
            f"No week has been landed in {settings.home} yet. Next: {commands.make(settings, 'demo')}, "
            f"or {commands.make(settings, 'backfill FROM=… TO=…')}",
            soft_wrap=True,
        )
        return
    table = Table(
        Column("week to", no_wrap=True),
        Column("state", overflow="fold"),
        *(Column(name, no_wrap=True) for name in ("published", "report", "restated")),
        Column("delivered", overflow="fold"),
        Column("why", overflow="fold"),
    )
    for week in weeks:
        table.add_row(
            f"{week.as_of}",
            "\n".join(week.states),
            "yes" if week.published else "no",
            "yes" if week.has_report else "no",
            "to do" if week.outdated else "yes" if week.restated else "no",
            "\n".join(week.delivered + week.owed) or "no",
            "\n".join(week.notes),
        )
    console.print(table)
    # Commands are printed below the table, because a cell would break them into lines that can't be copied.
    for week in weeks:
        if week.next_command:
            console.print(f"Next: {week.next_command}", soft_wrap=True)
