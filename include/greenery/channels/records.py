"""Where the ledger of sent messages is kept, and the lock of each message while it is sent."""

from __future__ import annotations

import fcntl
import hashlib
import logging
import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from greenery.channels.errors import PassingError
from greenery.settings import Settings
from greenery.warehouse.access import has_records, open_records, shares_records
from greenery.warehouse.connection import Connection, UnavailableError, rows

log = logging.getLogger(__name__)

# How long a second process waits for the lock of a message. Most sends take less time; if a slow channel takes longer,
# the second process gives up.
MESSAGE_LOCK_SECONDS = 180

TABLES = """
create table if not exists sends (
    id integer primary key,
    kind text not null,
    subject text not null,
    channel text not null,
    content_hash text not null,
    state text not null,  -- begun or sent
    begun_at text not null,
    sent_at text,
    reference text not null  -- JSON: where it is; while begun, the parts that are known to have arrived
);
create table if not exists owed (
    subject text not null,
    channel text not null,
    why text not null,
    since text not null,
    primary key (subject, channel)
);
create table if not exists locks (
    message text not null,
    holder text not null,  -- empty while nobody has it
    since text not null
);
"""


class _TakenError(Exception):
    """A process of another host sends the message."""


def open_ledger(settings: Settings) -> AbstractContextManager[Connection]:
    """Open the ledger for one transaction. Raises UnavailableError where the warehouse has it and can't be opened."""
    return open_records(settings, ledger_file(settings), TABLES)


def for_alerts(settings: Settings) -> Settings:
    """Return settings whose ledger can be opened now.

    While the warehouse that keeps it can't be, alerts are recorded in the home: people must hear of it. An alert may
    then arrive a second time, once the warehouse is there again.
    """
    try:
        with open_ledger(settings):
            return settings
    except UnavailableError as error:
        log.warning("alerts are recorded in %s for now: %s", settings.home, error)
        return replace(settings, records_in_home=True)


def found_in(settings: Settings, query: str, **parameters: str) -> list[dict[str, Any]]:
    """Return the rows of a query on the ledger; none where nothing was ever written down."""
    if not is_there(settings):
        return []
    with open_ledger(settings) as ledger:
        return rows(ledger, query, parameters)


def is_there(settings: Settings) -> bool:
    """Return whether something can have been written down."""
    return has_records(settings, ledger_file(settings))


def ledger_file(settings: Settings) -> Path:
    """Return the file of the ledger, where no warehouse has it."""
    return settings.home / "delivery.sqlite"


@contextmanager
def message_lock(settings: Settings, kind: str, subject: str, channel: str) -> Iterator[None]:
    """Hold the lock of one message; a lock of the ledger would hold up every other message for as long as a send takes.

    Raises PassingError where another process has been sending the message for too long.
    """
    folder = settings.home / "delivery.locks"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = hashlib.sha256("\0".join((kind, subject, channel)).encode()).hexdigest()[:32]
    holder = secrets.token_hex(8)
    with (folder / name).open("a") as file:
        try:
            _try(BlockingIOError, fcntl.flock, file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if shares_records(settings):
                _try(_TakenError, _take, settings, name, holder)
        except RetryError:
            raise PassingError(
                f"another process has been sending {kind} {subject} over {channel} for {MESSAGE_LOCK_SECONDS} seconds: "
                "run this again when it has ended."
            ) from None
        try:
            yield
        finally:
            if shares_records(settings):
                with open_ledger(settings) as ledger:
                    ledger.execute(
                        "update locks set holder = '' where message = $message and holder = $holder",
                        {"message": name, "holder": holder},
                    )


def _try(error: type[Exception], take: Callable[..., object], *arguments: object) -> None:
    retry = retry_if_exception_type(error)
    Retrying(retry=retry, stop=stop_after_delay(MESSAGE_LOCK_SECONDS), wait=wait_fixed(0.2))(take, *arguments)


def _take(settings: Settings, message: str, holder: str) -> None:
    """Take a message's row of `locks`, which other hosts see. A holder that was killed loses it in time.

    Raises _TakenError where another process has it.
    """
    now = datetime.now(UTC)
    given = {
        "message": message,
        "holder": holder,
        "since": now.isoformat(timespec="microseconds"),
        "over": (now - timedelta(seconds=MESSAGE_LOCK_SECONDS)).isoformat(timespec="microseconds"),
    }
    with open_ledger(settings) as ledger:
        ledger.execute(
            "insert into locks (message, holder, since) select $message, '', '' "
            "where not exists (select locks.message from locks where locks.message = $message)",
            given,
        )
        ledger.execute(
            "update locks set holder = $holder, since = $since "
            "where message = $message and (holder = '' or since < $over)",
            given,
        )
        # Inserts do not wait for each other: two hosts that send a message for the first time can each insert its row.
        # The second one sees here that the first one was faster.
        query = "select holder from locks where message = $message and holder <> '' and since >= $over"
        if {row["holder"] for row in rows(ledger, query, given)} != {holder}:
            raise _TakenError
