"""The ledger of extracts (landed, admitted, held) and the lock of the run that builds."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime

from duckdb import DuckDBPyConnection

from greenery.build import project as dbt_project
from greenery.source.tables import TABLES
from greenery.warehouse.duckdb import rows, statement, transaction

# The extracts of the build, as text.
BUILD = "select string_agg(extract_id, ' ' order by extract_id) from landing.build"


class LockLostError(Exception):
    """The run no longer holds the warehouse, or what is built there is not its own; the message says what to clear."""


class NotJudgedError(Exception):
    """The quality gate has not passed what the run built; the message says what to clear."""


class NotTestedError(Exception):
    """dbt's tests have not run on what the run built, or fail without the extract to be withdrawn."""


class NothingToWithdrawError(Exception):
    """The week has no extract that can be withdrawn."""


def newest(connection: DuckDBPyConnection, as_of: datetime) -> dict | None:
    """Return the ledger row of the extract as of `as_of`: the one landed last, None where nothing is landed."""
    found = rows(
        connection,
        "select * from landing.extracts where as_of = $as_of order by state = 'landed' desc limit 1",
        {"as_of": as_of},
    )
    return found[0] if found else None


def extracts(connection: DuckDBPyConnection) -> list[dict]:
    """Return all ledger rows, oldest as_of first."""
    return rows(connection, "select * from landing.extracts order by as_of, state")


def outdated_reports(connection: DuckDBPyConnection, published: Sequence[str], maturity_days: int) -> set[datetime]:
    """Return the weeks (as_of) whose report was rendered from other extracts than are published up to them now, or with
    another maturity.

    Those that would not differ in a byte are told apart by `weekly_report.settle`.

    published: the ids of the published extracts, oldest first.
    """
    query = """
        with published as (
            select
                cast(left(extract_id, 10) as timestamp) as as_of,
                md5(string_agg(extract_id, ' ') over (order by extract_id)) as extracts
            from unnest($published) as published(extract_id)
        )
        select reports.as_of
        from landing.reports
        inner join published on reports.as_of = published.as_of
        where reports.extracts <> published.extracts or reports.maturity_days <> $maturity_days
    """
    parameters = {"published": list(published), "maturity_days": maturity_days}
    return {row["as_of"] for row in rows(connection, query, parameters)}


def acquire(
    connection: DuckDBPyConnection,
    run_id: str,
    as_of: datetime,
    is_running: Callable[[str], bool],
    withdrawal: str = "",
    full_refresh: bool = False,
) -> bool:
    """Take the build lock for `run_id`, unless another run that is still running holds it.

    Takes up what was landed for the week: an earlier content of the same week is gone from here on. Returns whether
    the lock is held now; taking it twice is harmless.

    withdrawal: why the week's admitted extract is to be left out from now on; empty for a run that adds it.
    full_refresh: the run builds all models from the start; so does each after it until one has done so to the end.

    Raises LockLostError where nothing is landed for the week, NothingToWithdrawError where nothing can be withdrawn.
    """
    holder = rows(connection, "select run_id from landing.build_lock")
    if holder and holder[0]["run_id"] != run_id and is_running(holder[0]["run_id"]):
        return False
    extract = to_withdraw(connection, as_of) if withdrawal else newest(connection, as_of)
    if extract is None:
        raise LockLostError(f"nothing is landed for {as_of:%Y-%m-%d}: clear the task land of this run.")
    extract_id = extract["extract_id"]
    with transaction(connection):
        # A build that was tested and not published goes: what was between its extracts has not been looked at.
        built = _built_with(connection)
        tested_until_now = built["is_tested"] and built["extracts"] == _sorted(_others_admitted(connection, ""))
        forget(connection, "as_of = $as_of and extract_id <> $keep", {"as_of": as_of, "keep": extract_id})
        # From here on something may be built: what was tested counts no more until it is tested again.
        connection.execute("update landing.built_with set is_tested = false")
        connection.execute("delete from landing.build_lock")
        connection.execute(
            """
            insert into landing.build_lock (run_id, as_of, extract_id, admitted_extracts, withdrawal, tests_all)
            values (?, ?, ?, ?, ?, ?)
            """,
            [run_id, as_of, extract_id, _others_admitted(connection, extract_id), withdrawal, not tested_until_now],
        )
        if full_refresh or _lacks_a_log(connection):
            _start_over(connection)
        set_build(connection)
        # It builds from other extracts than were tested: should a run come back to those, they are tested again.
        wanted = _built(check_lock(connection, run_id))
        connection.execute("update landing.built_with set failed = null where extracts <> ?", [wanted])
    return True


def set_build(connection: DuckDBPyConnection) -> None:
    """Let the models be built from what is admitted and the lock's extract from now on, and note what that changes.

    A pair that came or left stays touched until all models were built and tested.
    """
    wanted = statement("landing/pairs")
    connection.execute(
        f"""
        insert into landing.touched_pairs
        select pair_id
        from (select pair_id from ({wanted}) as wanted union all select pair_id from landing.build) as either
        where pair_id not in (select pair_id from landing.touched_pairs)
        group by pair_id
        having count(*) = 1
        """
    )
    connection.execute("delete from landing.build")
    connection.execute(f"insert into landing.build {wanted}")


def note_built(connection: DuckDBPyConnection, run_id: str, model: str) -> None:
    """Record that `run_id` has built a model, from the extracts of the build.

    Raises LockLostError where the run lost the lock, or one of the models that this one reads was not built: then its
    rows are of no known build.
    """
    check_lock(connection, run_id)
    connection.execute("delete from landing.built_models where model_name = ?", [model])
    if behind := sorted(dbt_project.models().inputs[model] - _built_models(connection)):
        raise LockLostError(
            f"not built from the extracts of this run: {', '.join(behind)}. Build them first (clear their tasks)."
        )
    # Of what was built from other extracts, this model is gone: nothing of it can be published as a whole any more.
    connection.execute(f"delete from landing.built_models where extracts <> ({BUILD})")
    connection.execute(f"insert into landing.built_models (model_name, extracts) values (?, ({BUILD}))", [model])


def _built_models(connection: DuckDBPyConnection) -> set[str]:
    """Return the names of the models that were built from the extracts of the build."""
    query = f"select model_name from landing.built_models where extracts = ({BUILD})"
    return {row["model_name"] for row in rows(connection, query)}


def _lacks_a_log(connection: DuckDBPyConnection) -> bool:
    """Return whether one of the logs was dropped after a build: nothing says which keys its lost rows had."""
    query = """
        select table_name from information_schema.tables
        where table_schema = 'intermediate' and table_catalog = current_catalog()
    """
    found = {row["table_name"] for row in rows(connection, query)}
    is_built = rows(connection, "select pair_id from landing.build limit 1")
    return bool(is_built) and not found.issuperset(dbt_project.models().logs)


def _start_over(connection: DuckDBPyConnection) -> None:
    """Let all models be built from the start, by this run and each after it until one has done so to the end."""
    connection.execute("update landing.built_with set extracts = null, failed = null")
    for table in ("build", "touched_pairs", "built_models"):
        connection.execute(f"delete from landing.{table}")


def _built_with(connection: DuckDBPyConnection) -> dict:
    """Return what is known of the models that are built, with the version of the dbt project that is there now.

    With another version than before, nothing that is built counts: it would be mixed with what this one builds, and
    what was said of the one would be taken for the other.
    """
    models = dbt_project.version()
    if not rows(connection, "select models from landing.built_with where models = ?", [models]):
        connection.execute("delete from landing.built_with")
        connection.execute("insert into landing.built_with (models, is_tested) values (?, false)", [models])
        _start_over(connection)
        _distrust(connection)
    return rows(connection, "select * from landing.built_with")[0]


def _distrust(connection: DuckDBPyConnection) -> None:
    """Let nothing that is built pass any more for what the quality gate passed, or for what is published."""
    connection.execute("update landing.extracts set passed_with = null")
    connection.execute("update landing.publication set extracts = ''")


def builds_anew(connection: DuckDBPyConnection) -> bool:
    """Return whether the run has to build all models from the start: the ones there now never did it to the end.

    That they did is known once dbt's tests have run.
    """
    query = "select models from landing.built_with where models = ? and extracts is not null"
    return not rows(connection, query, [dbt_project.version()])


def disown_build(connection: DuckDBPyConnection) -> None:
    """Record that what is built is of no one version of the dbt project: the next run that takes the lock builds it."""
    connection.execute("update landing.built_with set models = ''")


def to_withdraw(connection: DuckDBPyConnection, as_of: datetime) -> dict:
    """Return the ledger row of the week's extract that can be withdrawn, or was: withdrawing twice is harmless.

    Raises NothingToWithdrawError where the week has none, or no other extract is admitted.
    """
    found = rows(
        connection,
        "select * from landing.extracts where as_of = $as_of and (state = 'admitted' or withdrawn)",
        {"as_of": as_of},
    )
    if not found:
        raise NothingToWithdrawError(f"no extract {as_of:%Y-%m-%d} is admitted: there is nothing to withdraw.")
    if not _others_admitted(connection, found[0]["extract_id"]):
        raise NothingToWithdrawError(
            f"the extract {as_of:%Y-%m-%d} is the only one admitted, nothing would be left to publish: "
            'correct it and run the week with {"reextract": true}.'
        )
    return found[0]


def release(connection: DuckDBPyConnection, run_id: str) -> None:
    """Give the build lock back, if `run_id` holds it; what is built by hand from then on is what is admitted."""
    with transaction(connection):
        if rows(connection, "select run_id from landing.build_lock where run_id = ?", [run_id]):
            connection.execute("delete from landing.build_lock")
            set_build(connection)


def check_lock(connection: DuckDBPyConnection, run_id: str) -> dict:
    """Return the lock row of `run_id`; raise LockLostError if another run took it or an admission changed since."""
    held = rows(connection, "select * from landing.build_lock where run_id = ?", [run_id])
    if not held:
        raise LockLostError("another run holds the warehouse: clear the task acquire_warehouse of this run.")
    # Its own extract may be admitted by now: a publish that was killed after admitting is tried again.
    if held[0]["admitted_extracts"] != _others_admitted(connection, held[0]["extract_id"]):
        raise LockLostError(
            "an extract was admitted or withdrawn since this run built: clear its task acquire_warehouse."
        )
    return held[0]


def check_build(connection: DuckDBPyConnection, run_id: str) -> dict:
    """Return the lock row of `run_id`, after showing that the models hold the admitted extracts and its own.

    They do not when a step is cleared by itself after another run has built, or a model's task is marked as done
    without having run. Raises LockLostError.
    """
    lock = check_lock(connection, run_id)
    built, extracts = _built_models(connection), set()
    if built:
        extracts = {
            row["extract_id"] for row in rows(connection, "select extract_id from intermediate.int_extract_pairs")
        }
    if extracts != set(_built(lock).split()):
        raise LockLostError(
            "the models were built from other extracts than this run's: clear its task acquire_warehouse "
            "with all that follows."
        )
    if behind := sorted(set(dbt_project.models().inputs) - built):
        raise LockLostError(
            f"not built from this run's extracts: {', '.join(behind)}. "
            "Clear the run's tasks of these models with all that follows."
        )
    return lock


def tested(connection: DuckDBPyConnection, run_id: str, failed: list[dict]) -> None:
    """Record that dbt's tests have run on what `run_id` built, and which failed (as `dbt_tests` reads them).

    They look at what the run changed, or at everything where something that was built before was not tested or failed.
    """
    lock = check_build(connection, run_id)
    with transaction(connection):
        connection.execute(
            "update landing.built_with set extracts = ?, failed = ?, is_tested = ?",
            [_built(lock), json.dumps(failed, ensure_ascii=False), not failed],
        )
        connection.execute("delete from landing.touched_pairs")
        # The project was changed after the last model was built: they are of one kind, but the next run builds anew.
        connection.execute("update landing.built_with set models = '' where models <> ?", [dbt_project.version()])
        if failed:
            _distrust(connection)


def failed_tests(connection: DuckDBPyConnection, lock: dict) -> list[dict]:
    """Return which of dbt's tests failed on what the lock's run built.

    What a run before built from the same extracts is the same, and so is what the tests said of it, unless another one
    began to build meanwhile.

    Raises NotTestedError where they have not run on it. So a test task that was marked a success admits nothing.
    """
    query = "select failed from landing.built_with where extracts = ? and failed is not null"
    found = rows(connection, query, [_built(lock)])
    if not found:
        raise NotTestedError("dbt's tests have not run on what this run built: clear its task dbt.dbt_test.")
    return json.loads(found[0]["failed"])


def check_withdrawal(connection: DuckDBPyConnection, lock: dict) -> None:
    """Raise NotTestedError unless dbt's tests pass what is built without the extract that the lock's run withdraws."""
    if failed := failed_tests(connection, lock):
        names = ", ".join(test["test"] for test in failed)
        raise NotTestedError(f"without the extract, dbt tests fail: {names}. Nothing is withdrawn.")


def _built(lock: dict) -> str:
    """Return the extracts that the models of the lock's run are built from, as text."""
    return _sorted(lock["admitted_extracts"] + ("" if lock["withdrawal"] else f" {lock['extract_id']}"))


def _sorted(extract_ids: str) -> str:
    return " ".join(sorted(extract_ids.split()))


def passed(connection: DuckDBPyConnection, lock: dict, accepted: dict | None = None) -> None:
    """Record that the quality gate passed the extract of the lock on top of the other extracts that it was built on.

    accepted: the reason and the failed checks that were accepted; kept with the extract, for when it is judged again.
    """
    connection.execute(
        "update landing.extracts set passed_with = ?, accepted = coalesce(?, accepted) where extract_id = ?",
        [lock["admitted_extracts"], accepted and json.dumps(accepted, ensure_ascii=False), lock["extract_id"]],
    )


def check_passed(connection: DuckDBPyConnection, lock: dict) -> None:
    """Raise NotJudgedError unless the quality gate passed what the lock's run built, or it is published already.

    So a task `quality` that was marked a success, or skipped, admits nothing; and a task `publish` that is cleared by
    itself may publish again what readers have, whatever other weeks were added since. Of a run that withdraws its
    extract only dbt's tests are asked; raises NotTestedError where they fail.
    """
    if lock["withdrawal"]:
        check_withdrawal(connection, lock)
        return
    query = "select passed_with, state from landing.extracts where extract_id = ?"
    extract = rows(connection, query, [lock["extract_id"]])[0]
    is_published = rows(connection, "select version from landing.publication where extracts = ?", [_built(lock)])
    if extract["passed_with"] != lock["admitted_extracts"] and not (extract["state"] == "admitted" and is_published):
        raise NotJudgedError("the quality gate has not passed what this run built: clear its task quality.")


def published(connection: DuckDBPyConnection, lock: dict, version: int) -> None:
    """Record which version of the published relations holds what the lock's run built."""
    connection.execute("delete from landing.publication")
    connection.execute("insert into landing.publication (version, extracts) values (?, ?)", [version, _built(lock)])


def admit(connection: DuckDBPyConnection, extract_id: str) -> None:
    """Mark the extract admitted."""
    connection.execute(
        "update landing.extracts set state = 'admitted', reason = null, withdrawn = false where extract_id = ?",
        [extract_id],
    )


def fail(connection: DuckDBPyConnection) -> None:
    """Record that the quality gate did not pass what was built, though its extract keeps its state."""
    with transaction(connection):
        _distrust(connection)


def hold(
    connection: DuckDBPyConnection,
    extract_id: str,
    reason: str,
    *,
    withdrawn: bool = False,
    held_for: dict[str, str] | None = None,
) -> None:
    """Mark the extract held: from now on it counts as missing.

    withdrawn: a person took it back; it is not admitted again without their asking.
    held_for: what each failed critical check observed, which a person may accept from now on.
    """
    connection.execute(
        """
        update landing.extracts set state = 'held', reason = ?, withdrawn = ?, passed_with = null, held_for = ?
        where extract_id = ?
        """,
        [reason, withdrawn, json.dumps(held_for or {}, ensure_ascii=False), extract_id],
    )


def forget(connection: DuckDBPyConnection, condition: str, parameters: dict) -> None:
    """Delete the extracts whose ledger row satisfies `condition` (SQL), and all rows landed of them."""
    extract_ids = f"select extract_id from landing.extracts where {condition}"
    for table in (*(table.name for table in TABLES), "extracts"):
        connection.execute(f"delete from landing.{table} where extract_id in ({extract_ids})", parameters)


def _others_admitted(connection: DuckDBPyConnection, extract_id: str) -> str:
    query = """
        select string_agg(extract_id, ' ' order by as_of) from landing.extracts
        where state = 'admitted' and extract_id <> ?
    """
    return connection.execute(query, [extract_id]).fetchall()[0][0] or ""
