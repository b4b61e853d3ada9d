"""What became of each week, for `make status` and the list of reports."""

from __future__ import annotations

import json

import duckdb
from rich.console import Console
from rich.table import Table

from greenery import ledger, settings
from greenery.files import write_atomically
from greenery.report import page
from greenery.settings import Settings


def record(settings: Settings, connection: duckdb.DuckDBPyConnection) -> None:
    """Write `reports/weeks.json` and `reports/index.html` from the ledger, so that readers need no warehouse."""
    weeks = [_week(settings, row) for row in ledger.extracts(connection)]
    write_atomically(settings.reports / "weeks.json", json.dumps(weeks, indent=2, ensure_ascii=False) + "\n")
    write_atomically(settings.reports / "index.html", page.render_index(weeks))


def _week(settings: Settings, extract: dict) -> dict:
    day = f"{extract['as_of']:%Y-%m-%d}"
    state = extract["state"]
    rerun = f"make backfill FROM={day} TO={day}"
    commands = {
        "landed": rerun,
        "held": f"""correct the extract, then {rerun} PARAMS='{{"reextract": true}}'""",
    }
    return {
        "as_of": day,
        "state": state,
        "reason": extract["reason"],
        "published": state == "admitted",
        "has_report": (settings.report_folder(extract["as_of"]) / "index.html").exists(),
        "next_command": commands.get(state),
    }


def main() -> None:
    """Print a table of all weeks."""
    home = settings.load()
    path = home.reports / "weeks.json"
    console = Console()
    if not path.exists():
        console.print(f"No week has been landed in {home.home} yet. Next: make demo, or make backfill FROM=… TO=…")
        return
    table = Table("week to", "state", "published", "report", "why / next")
    for week in json.loads(path.read_text(encoding="utf-8")):
        table.add_row(
            week["as_of"],
            week["state"],
            "yes" if week["published"] else "no",
            "yes" if week["has_report"] else "no",
            "\n".join(filter(None, [week["reason"], week["next_command"]])),
        )
    console.print(table)


if __name__ == "__main__":
    main()
