"""The lock of the warehouse: one run at a time builds, is judged and publishes."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime

from pydantic import BaseModel

from greenery.build import target
from greenery.landing import ledger
from greenery.warehouse.connection import Connection, rows, transaction


class LockLostError(Exception):
    """The run no longer holds the warehouse, or the tables there are from another run. The message says which task to
    clear."""


class BusyError(Exception):
    """A run holds the warehouse."""


class Lock(BaseModel, frozen=True):
    """The run that builds, with its week (naive UTC) and its extract.

    as_of: the end of its week. extract_id: the extract of its week.
    admitted_extracts: the ids of the other extracts that it builds on, oldest first, with a space between them.
    withdrawal: why the week's extract is left out of the build; empty if it is part of the build.
    tests_all: whether dbt's tests look at everything, because some of the earlier rows have not passed them.
    held_for: the failures (JSON) for which the extract was held before the run took the lock. People can only have
        looked at these.
    """

    run_id: str
    as_of: datetime
    extract_id: str
    admitted_extracts: str
    withdrawal: str
    tests_all: bool
    held_for: str = "{}"

    @property
    def extracts(self) -> str:
        """The ids of the extracts that the run's models are built from, sorted, with a space between them."""
        return _sorted(self.admitted_extracts + ("" if self.withdrawal else f" {self.extract_id}"))


def acquire(
    connection: Connection,
    run_id: str,
    as_of: datetime,
    is_running: Callable[[str], bool],
    withdrawal: str = "",
    full_refresh: bool = False,
) -> bool:
    """Take the build lock for `run_id`, unless another run that is still running holds it.

    The newest landed content of the week is used from now on. Earlier content of the same week is deleted. Returns
    whether the run holds the lock now. Taking it twice is harmless.

    as_of: the end of the week (naive UTC). is_running: returns whether the run of an id is still running.
    withdrawal: why the week's admitted extract is left out from now on; empty for a run that adds an extract.
    full_refresh: whether the run builds all models from the start. Later runs do so too, until one has finished it.

    Raises LockLostError if nothing is landed for the week, NothingToWithdrawError if nothing can be withdrawn.
    """
    holder = rows(connection, "select run_id from landing.build_lock")
    if holder and holder[0]["run_id"] != run_id and is_running(holder[0]["run_id"]):
        return False
    extract = ledger.to_withdraw(connection, as_of) if withdrawal else ledger.newest(connection, as_of)
    if extract is None:
        raise LockLostError(f"nothing is landed for {as_of:%Y-%m-%d}: clear the task land of this run.")
    with transaction(connection):
        if not _swap(connection, holder[0]["run_id"] if holder else "", run_id):
            return False
        # A tested build that was not published is given up here. Its neighbours then form pairs that no test has seen.
        tested_until_now = target.is_tested(connection, _sorted(ledger.admitted(connection)))
        ledger.forget(
            connection, "as_of = $as_of and extract_id <> $keep", {"as_of": as_of, "keep": extract.extract_id}
        )
        # From here on models can change, so earlier test results do not count until the tests run again.
        connection.execute("update landing.built_with set is_tested = false")
        _delete_lock(connection)
        starts_over = full_refresh or target.lacks_a_log(connection)
        lock = Lock(
            run_id=run_id,
            as_of=as_of,
            extract_id=extract.extract_id,
            admitted_extracts=ledger.admitted(connection, extract.extract_id),
            withdrawal=withdrawal,
            tests_all=starts_over or not tested_until_now,
            held_for=json.dumps(extract.held_for or {}, ensure_ascii=False),
        )
        connection.execute(
            """
            insert into landing.build_lock
            (run_id, as_of, extract_id, admitted_extracts, withdrawal, tests_all, held_for)
            values ($run_id, $as_of, $extract_id, $admitted_extracts, $withdrawal, $tests_all, $held_for)
            """,
            lock.model_dump(),
        )
        if starts_over:
            target.start_over(connection)
        target.set_build(connection)
        # This run builds from other extracts than those of the last test results. Those results are dropped, so that a
        # later run of the same extracts is tested again.
        connection.execute(
            "update landing.built_with set failed = null where extracts <> $extracts", {"extracts": lock.extracts}
        )
    return True


def release(connection: Connection, run_id: str) -> None:
    """Give the build lock back, if `run_id` holds it. A build by hand then uses the admitted extracts."""
    with transaction(connection):
        if rows(connection, "select run_id from landing.build_lock where run_id = $run_id", {"run_id": run_id}):
            _swap(connection, run_id, "")
            _delete_lock(connection)
            target.set_build(connection)


def still_holds(connection: Connection, run_id: str) -> None:
    """Raise LockLostError unless `run_id` holds the lock. Call it first in a transaction.

    The transaction keeps the lock's row until it ends, so no other run can take the lock before. If a run has lost the
    lock, nothing that its tasks write is ever committed.
    """
    if not _swap(connection, run_id, run_id):
        raise LockLostError("another run holds the warehouse: clear the task acquire_warehouse of this run.")


def check_free(connection: Connection) -> None:
    """Raise BusyError unless nobody holds the lock. To be called first in a transaction: until it ends, no run can take
    the lock."""
    if not _swap(connection, "", ""):
        holder = rows(connection, "select run_id from landing.lock_holder")[0]["run_id"]
        raise BusyError(
            f"the run {holder} holds the warehouse: wait until it has ended. If it was killed and holds the warehouse "
            "still, clear its task release_warehouse."
        )


def _swap(connection: Connection, seen: str, run_id: str) -> bool:
    """Make `run_id` the holder of the lock (empty: nobody) if the holder is still `seen`; return whether it was."""
    done = connection.execute(
        "update landing.lock_holder set run_id = $run_id where run_id = $seen", {"run_id": run_id, "seen": seen}
    )
    return bool(done.fetchall()[0][0])


def check_lock(connection: Connection, run_id: str) -> Lock:
    """Return the lock of `run_id`.

    Raises LockLostError if another run has taken it, or if an extract was admitted or withdrawn since.
    """
    held = rows(connection, "select * from landing.build_lock where run_id = $run_id", {"run_id": run_id})
    if not held:
        raise LockLostError("another run holds the warehouse: clear the task acquire_warehouse of this run.")
    lock = Lock.model_validate(held[0])
    # Its own extract may be admitted by now: a publish that was killed after admitting is tried again.
    if lock.admitted_extracts != ledger.admitted(connection, lock.extract_id):
        raise LockLostError(
            "an extract was admitted or withdrawn since this run built: clear its task acquire_warehouse."
        )
    return lock


def _delete_lock(connection: Connection) -> None:
    """Delete the lock, and its extract if newer content was landed for the week since: only the lock kept it."""
    replaced = """
        state = 'landed' and extract_id in (select extract_id from landing.build_lock)
        and as_of in (select as_of from landing.extracts where state = 'landed' group by as_of having count(*) > 1)
    """
    ledger.forget(connection, replaced, {})
    connection.execute("delete from landing.build_lock")


def _sorted(extract_ids: str) -> str:
    return " ".join(sorted(extract_ids.split()))
