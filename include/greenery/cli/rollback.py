"""`greenery rollback`: publish the version before again, hold what it does not have, and take back those reports."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from greenery import commands
from greenery.channels.channel import CHANNELS, DIGEST_CHANNELS
from greenery.channels.errors import PassingError, PermanentError
from greenery.cli.arguments import check_reason
from greenery.cli.doctor import use_connections_of
from greenery.commands import InputError
from greenery.delivery import delivering
from greenery.publishing.rollback import roll_back
from greenery.report import comparing, weeks
from greenery.settings import Settings, load
from greenery.warehouse.access import connect


def rollback(
    reason: Annotated[
        str, typer.Option(metavar="TEXT", help="The reason. It is kept with each extract that is held then.")
    ],
    version: Annotated[
        str, typer.Argument(metavar="VERSION", help="The version to go back to. Default: the one published before.")
    ] = "",
) -> None:
    """Publish an earlier version again. Extracts that it does not hold are held, and their reports are taken back.

    No run may build meanwhile. Doing it twice changes nothing.

    Example: `greenery rollback --reason "prices in cents"`
    """
    if not reason.strip():
        raise InputError("write `make rollback REASON='prices in cents'`.")
    check_reason("REASON", reason)
    if version and not version.isdecimal():
        raise InputError(f"VERSION={version!r} is no version: write its number, such as VERSION=4.")
    settings = load()
    use_connections_of(settings)
    done = roll_back(settings, reason.strip(), int(version) if version else None)
    with connect(settings) as connection:
        outdated = comparing.settle(settings, connection)
        weeks.write_list(settings, connection)
    if done.version == done.instead_of:
        print(f"Version {done.version} is published already. To go back further, name a version.")
    else:
        print(f"Version {done.version} is published again, instead of version {done.instead_of}.")
    for as_of in done.admitted:
        print(f"The extract {as_of.date()} is admitted again.")
    for as_of, why in done.held.items():
        again = commands.backfill(settings, as_of.date(), as_of.date(), {"reextract": True})
        print(f"The extract {as_of.date()} is held. To bring it back: {again}")
        _tell(settings, as_of, why)
    if outdated:
        print("Published weeks whose report would differ now: " + ", ".join(str(week.date()) for week in outdated))
        for line in commands.reruns(settings, [week.date() for week in outdated]):
            print(f"Run them again: {line}")
    if done.version != done.instead_of and not done.held and not done.admitted:
        print("Both versions hold the same extracts. The next run publishes what the models make of them then.")


def _tell(settings: Settings, as_of: datetime, reason: str) -> None:
    """Inform the channels that have the digest of a week; a channel that can't be reached stops nothing."""
    for name in DIGEST_CHANNELS:
        try:
            print(delivering.withdraw(settings, as_of, CHANNELS[name], reason))
        except delivering.NotDeliveredError:
            continue
        except (PermanentError, PassingError) as error:
            print(f"{name} was not told: {error}")
