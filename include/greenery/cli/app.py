"""The program `greenery`: its commands, and how each of them ends."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from greenery.build.locking import BusyError
from greenery.cli import (
    backfill,
    data_docs,
    demo,
    docs,
    doctor,
    down,
    heartbeat,
    import_snapshot,
    incident,
    preview,
    purge,
    rollback,
    simulate,
    status,
    up,
    withdraw,
)
from greenery.commands import InputError
from greenery.local_airflow.client import AirflowError
from greenery.local_airflow.processes import exit_on_signals
from greenery.publishing.rollback import RollbackError
from greenery.report.reading import NoReportError
from greenery.settings import SettingError
from greenery.warehouse.connection import UnavailableError

INTERRUPTED = 130  # what typer makes of Ctrl-C

app = typer.Typer(
    name="greenery",
    help="Greenery weekly: which orders changed, and how sessions move through the funnel, for every week.\n\n"
    "A week is named by the day it ends, such as 2023-02-01. All state is in the folder GREENERY_HOME "
    "(default: .greenery in the repository). `greenery COMMAND --help` explains a command with an example.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
app.command()(demo.demo)
app.command()(up.up)
app.command()(down.down)
app.command()(backfill.backfill)
app.command()(withdraw.withdraw)
app.command()(rollback.rollback)
app.command()(status.status)
app.command()(preview.preview)
app.command("data-docs")(data_docs.data_docs)
app.command()(incident.incident)
app.command()(doctor.doctor)
app.command()(heartbeat.heartbeat)
app.command()(purge.purge)
app.command("import-snapshot")(import_snapshot.import_snapshot)
app.command()(simulate.simulate)
app.command(hidden=True)(docs.docs)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and end the process with its exit code; print what stopped it in one line.

    0 when all went well; 1 when a week failed, Airflow can't be used, or the command found something wrong; 2 when the
    input or a setting is wrong; 130 when it was interrupted.
    """
    exit_on_signals()
    try:
        app(arguments)
    except SystemExit as ended:
        if ended.code == INTERRUPTED:
            print("Interrupted.", file=sys.stderr)
        raise
    except (InputError, SettingError) as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    except (AirflowError, NoReportError, BusyError, RollbackError, UnavailableError) as error:
        print(error, file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
