"""A path of operations on a warehouse in memory, with what each would do in the real pipeline.

The ledger's own functions are used; landing, publishing and reporting are their statements without the files.
"""

from __future__ import annotations

import functools
from collections import Counter
from datetime import datetime
from typing import Any

from greenery.build import locking, record, target
from greenery.documents import to_json
from greenery.landing import ledger
from greenery.publishing import published_file, versions, week_rows
from greenery.report import writing
from greenery.source.tables import TABLES
from greenery.warehouse.connection import rows, transaction
from greenery.warehouse.statements import statement

from tests.properties.histories import FIRST_AS_OF, WEEK, Operation, extract_id
from tests.properties.reference import Extract
from tests.properties.replay import Broken, Warehouse

MATURITY_DAYS = 7


class World:
    """The warehouse, what the source holds for each week, and the reports written so far."""

    def __init__(self, warehouse: Warehouse, contents: dict[int, list[Extract]]) -> None:
        self.warehouse = warehouse
        self.counts: Counter[str] = Counter()
        self.written: dict[datetime, str] = {}
        self.contents = contents
        self._offered = dict.fromkeys(contents, 0)
        self._by_id = {extract_id(extract): extract for variants in contents.values() for extract in variants}
        # Why each run that built to its end withdraws its week's extract; empty for one that adds it.
        self._built: dict[str, str] = {}
        self._held: set[str] = set()
        self._withdrawn: set[str] = set()
        # Whether the warehouse holds what is published, not what another run left there.
        self.settled = False
        self._anything_published = False
        self._ledger = warehouse.open()

    def admitted(self) -> list[Extract]:
        """Return the admitted extracts, oldest first."""
        return [self._by_id[row.extract_id] for row in ledger.extracts(self._ledger) if row.state == "admitted"]

    def published(self) -> set[str]:
        """Return the ids of the extracts that the published version is built from."""
        if not self._anything_published:
            return set()
        reader = self.warehouse.open("published")
        return {
            found for (found,) in reader.execute("select extract_id from intermediate.int_extract_pairs").fetchall()
        }

    def do(self, operation: Operation) -> bool:
        """Do one operation; return whether something was published."""
        week = operation.week
        published = False
        if operation.name == "run":
            published = self.run(week)
        elif operation.name == "full refresh":
            self.counts["full refresh"] += 1
            published = self.run(week, afresh=True)
        elif operation.name == "land":
            self.land(week)
        elif operation.name == "hold":
            self.run(week, verdict="held")
        elif operation.name in ("correct", "land a correction"):
            self._offered[week] = (self._offered[week] + 1) % len(self.contents[week])
            if operation.name == "correct":
                published = self.run(week)
            else:
                self.land(week)
        elif operation.name == "withdraw":
            published = self._withdraw(week)
        elif operation.name == "break before publish":
            self.counts["run broken off before publish"] += 1
            self.run(week, verdict="broken")
        elif operation.name == "break in the build":
            self.counts["run broken off in the build"] += 1
            # One in four of a full refresh.
            self.run(week, break_at=operation.value, afresh=operation.value % 4 == 3)
        else:
            published = self._publish_again(week)
        return published

    def land(self, week: int) -> str:
        """Land what the source holds for the week, as greenery.landing.loading does; return the extract's id."""
        extract = self.contents[week][self._offered[week]]
        new_id = extract_id(extract)
        newest = ledger.newest(self._ledger, extract.as_of)
        if newest and newest.extract_id == new_id:
            return new_id
        if newest:
            self.counts["extract corrected"] += 1
        elif any(row.as_of > extract.as_of for row in ledger.extracts(self._ledger)):
            self.counts["extract landed late"] += 1
        with transaction(self._ledger):
            ledger.forget(
                self._ledger,
                "as_of = $as_of and state = 'landed' and extract_id <> $extract_id "
                "and extract_id not in (select extract_id from landing.build_lock)",
                {"as_of": extract.as_of, "extract_id": new_id},
            )
            if new_id not in {row.extract_id for row in ledger.extracts(self._ledger)}:
                insert(self._ledger, extract, "landed")
        return new_id

    def run(
        self,
        week: int,
        *,
        verdict: str = "admitted",
        afresh: bool = False,
        break_at: int | None = None,
        withdrawal: str = "",
    ) -> bool:
        """Land, take the lock, build, judge, publish and report; return whether it was published.

        verdict: 'held' by the gate, or 'broken' off after it. break_at: break the build off there, in thousandths.
        withdrawal: why the week's extract is left out.
        """
        run_id, as_of = f"run {week}", FIRST_AS_OF + week * WEEK
        if not withdrawal:
            self.land(week)
        self._built.pop(run_id, None)
        assert locking.acquire(self._ledger, run_id, as_of, lambda _: False, withdrawal, afresh)
        afresh = target.builds_anew(self._ledger)
        self.settled = False
        try:
            self.warehouse.build(afresh=afresh, break_at=break_at)
        except Broken:
            return False
        self._built[run_id] = withdrawal
        record.tested(self._ledger, run_id, [])
        lock = record.check_build(self._ledger, run_id)
        if verdict != "held":
            record.passed(self._ledger, lock)
        if verdict == "broken":
            return False
        published = verdict == "admitted"
        if published:
            self._publish(run_id)
        else:
            self.counts["extract held"] += 1
            self._held.add(lock.extract_id)
            ledger.hold(self._ledger, lock.extract_id, "a critical check")
        locking.release(self._ledger, run_id)
        return published

    def texts(self) -> dict[datetime, str]:
        """Return what the summaries of all admitted weeks would be now."""
        return {extract.as_of: self.text(extract.as_of) for extract in self.admitted()}

    def text(self, as_of: datetime) -> str:
        """Return what the summary of a week would be now."""
        return text(self.warehouse, as_of)

    def _publish(self, run_id: str) -> None:
        lock = record.check_build(self._ledger, run_id)
        record.check_passed(self._ledger, lock)
        extract = lock.extract_id
        record.published(self._ledger, lock, version=1)
        if lock.withdrawal:
            publish(self.warehouse)
            self.settled = True
            ledger.hold(self._ledger, extract, lock.withdrawal, withdrawn=True)
            self.written.pop(lock.as_of, None)
            return
        state = ledger.newest(self._ledger, lock.as_of).state  # type: ignore[index]
        if lock.as_of in self.written:
            self.counts["week run again"] += 1
        if extract in self._withdrawn:
            self.counts["extract admitted again after it was withdrawn"] += 1
        elif extract in self._held and state == "held":
            self.counts["held extract accepted"] += 1
        self._held.discard(extract)
        self._withdrawn.discard(extract)
        publish(self.warehouse)
        self._anything_published = self.settled = True
        ledger.admit(self._ledger, extract)
        self.written[lock.as_of] = self.text(lock.as_of)

    def _publish_again(self, week: int) -> bool:
        """Try the step publish of the week's last whole build by itself, as after a broken-off run, or when it is
        cleared: then the run takes the lock again."""
        run_id = f"run {week}"
        if run_id not in self._built:
            return False
        try:
            if not rows(self._ledger, "select run_id from landing.build_lock where run_id = ?", [run_id]):
                as_of, withdrawal = FIRST_AS_OF + week * WEEK, self._built[run_id]
                assert locking.acquire(self._ledger, run_id, as_of, lambda _: False, withdrawal)
            self._publish(run_id)
        except (locking.LockLostError, record.NotJudgedError, ledger.NothingToWithdrawError):
            self.counts["publish by itself, refused"] += 1
            return False
        self.counts["publish by itself, done"] += 1
        locking.release(self._ledger, run_id)
        return True

    def _withdraw(self, week: int) -> bool:
        """Withdraw the week's admitted extract, if another one is admitted."""
        as_of = FIRST_AS_OF + week * WEEK
        mine = [extract for extract in self.admitted() if extract.as_of == as_of]
        others = [extract for extract in self.admitted() if extract.as_of != as_of]
        if not mine or not others:
            return False
        self.counts["extract withdrawn"] += 1
        self._withdrawn.add(extract_id(mine[0]))
        return self.run(week, withdrawal="a reason")


def insert(connection: Any, extract: Extract, state: str) -> None:
    """Insert an extract's rows and its ledger row."""
    # These texts do not come again: not to be kept.
    once = getattr(connection, "raw", connection)
    new_id = extract_id(extract)
    connection.execute(
        """
        insert into landing.extracts
        (extract_id, as_of, state, content_hash, events_since, accept_shrink, row_counts, warnings)
        values (?, ?, ?, ?, ?, false, '{}', '[]')
        """,
        [new_id, extract.as_of, state, new_id[11:], extract.events_since],
    )
    for table in TABLES:
        names = [column.name for column in table.landed]
        landed = extract.tables[table.name]
        if landed:
            values = ", ".join(
                f"({', '.join([sql_text(new_id), *(sql_text(row[name]) for name in names)])})" for row in landed
            )
            once.execute(f"insert into landing.{table.name} (extract_id, {', '.join(names)}) values {values}")


@functools.cache
def sql_text(value: Any) -> str:
    """Return a value as SQL writes it."""
    if value is None:
        return "null"
    if isinstance(value, datetime):
        return f"timestamp '{value}'"
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value)


def publish(warehouse: Warehouse) -> None:
    """Copy what is published of the warehouse, as publishing writes a version."""
    connection = warehouse.open()
    relations = list(versions.relations())
    is_first = not rows(connection, "select 1 from duckdb_tables() where database_name = 'published'")
    if is_first or not published_file.update(connection, relations):
        published_file.write(connection, relations)


def text(warehouse: Warehouse, as_of: datetime) -> str:
    """Return the summary of a week from what is published."""
    return to_json(writing.figures(warehouse.open("published"), as_of, MATURITY_DAYS))


def published_rows(warehouse: Warehouse, relation: str) -> list[dict]:
    """Return the rows of a published relation."""
    return rows(warehouse.open("published"), f"from analytics.{relation}")


def report_rows(warehouse: Warehouse, name: str, as_of: datetime, **parameters: int) -> list[dict]:
    """Return the rows of a statement of `include/sql/figures/` on what is published."""
    connection = warehouse.open("published")
    sessions = week_rows.known_sessions(connection, as_of)
    text = statement(f"figures/{name}", "intermediate", *sessions)
    return rows(connection, text, {"as_of": as_of, **parameters})
