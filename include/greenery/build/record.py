"""The record of a build: the models that the run built, and the results of dbt's tests and of the quality gate."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, TypeAdapter

from greenery.build import dbt_project, locking, target
from greenery.build.locking import Lock, LockLostError, check_lock
from greenery.landing import ledger
from greenery.messages.check_results import Acceptance
from greenery.warehouse.connection import Connection, rows, transaction


class NotJudgedError(Exception):
    """The quality gate has not passed the run's build. The message says which task to clear."""


class NotTestedError(Exception):
    """dbt's tests have not run on the run's build, or they fail without the extract that the run withdraws."""


class FailedTest(BaseModel, frozen=True):
    """A dbt test that failed, the model that it tests, and the meaning of the test.

    failures: the number of failing rows; None if dbt does not count them. message: the message of dbt.
    """

    test: str
    model: str
    meaning: str
    failures: int | None
    message: str | None


FAILED_TESTS = TypeAdapter(list[FailedTest])


def forget_built(connection: Connection, run_id: str, model: str) -> None:
    """Forget that a model is built, before `run_id` builds it again. The build can break off between two statements.

    Raises LockLostError if the run has lost the lock.
    """
    check_lock(connection, run_id)
    with transaction(connection):
        locking.still_holds(connection, run_id)
        connection.execute("delete from landing.built_models where model_name = $model", {"model": model})


def note_built(connection: Connection, run_id: str, model: str) -> None:
    """Record that `run_id` has built a model, from the extracts of the build.

    Raises LockLostError if the run has lost the lock, or if a model that this one reads is not built from the extracts
    of the build.
    """
    forget_built(connection, run_id, model)
    if behind := sorted(dbt_project.models().inputs[model] - target.built_models(connection)):
        raise LockLostError(
            f"not built from the extracts of this run: {', '.join(behind)}. Build them first (clear their tasks)."
        )
    # The notes of models that were built from other extracts go, because those models no longer form a whole build.
    built_from = {"extracts": target.extracts(connection)}
    with transaction(connection):
        locking.still_holds(connection, run_id)
        connection.execute("delete from landing.built_models where extracts <> $extracts", built_from)
        connection.execute(
            "insert into landing.built_models (model_name, extracts) values ($model, $extracts)",
            {"model": model, **built_from},
        )


def check_build(connection: Connection, run_id: str) -> Lock:
    """Return the lock of `run_id`, after a check that the models are built from the extracts of the lock.

    They are not if a task is cleared by itself after another run has built, or if a model's task is marked as success
    without running. Raises LockLostError then.
    """
    lock = check_lock(connection, run_id)
    built, extracts = target.built_models(connection), set()
    if built:
        extracts = {
            row["extract_id"] for row in rows(connection, "select extract_id from intermediate.int_extract_pairs")
        }
    if extracts != set(lock.extracts.split()):
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


def tested(connection: Connection, run_id: str, failed: Sequence[FailedTest]) -> None:
    """Record that dbt's tests have run on what `run_id` built, and which of them failed.

    The tests cover the rows that the run changed. They cover everything if an earlier build was not tested or failed
    its tests. Raises LockLostError if the run has lost the lock.
    """
    lock = check_build(connection, run_id)
    with transaction(connection):
        locking.still_holds(connection, run_id)
        connection.execute(
            "update landing.built_with set extracts = $extracts, failed = $failed, is_tested = $is_tested",
            {
                "extracts": lock.extracts,
                "failed": FAILED_TESTS.dump_json(list(failed)).decode(),
                "is_tested": not failed,
            },
        )
        connection.execute("delete from landing.touched_pairs")
        # If the project changed after the last model was built, the tables still fit together, but the next run builds
        # anew.
        connection.execute(
            "update landing.built_with set models = '' where models <> $models", {"models": dbt_project.version()}
        )
        if failed:
            target.distrust(connection)


def failed_tests(connection: Connection, lock: Lock) -> list[FailedTest]:
    """Return the dbt tests that failed on the build of the run that holds the lock.

    Results of an earlier run of the same extracts count too, unless another run has begun to build since.

    Raises NotTestedError if the tests have not run on this build. So a test task that was only marked as success admits
    nothing.
    """
    query = "select failed from landing.built_with where extracts = $extracts and failed is not null"
    found = rows(connection, query, {"extracts": lock.extracts})
    if not found:
        raise NotTestedError("dbt's tests have not run on what this run built: clear its task dbt.dbt_test.")
    return FAILED_TESTS.validate_json(found[0]["failed"])


def check_withdrawal(connection: Connection, lock: Lock) -> None:
    """Raise NotTestedError unless dbt's tests pass without the extract that the run withdraws."""
    if failed := failed_tests(connection, lock):
        names = ", ".join(one.test for one in failed)
        raise NotTestedError(f"without the extract, dbt tests fail: {names}. Nothing is withdrawn.")


def passed(connection: Connection, lock: Lock, accepted: Acceptance | None = None) -> None:
    """Record that the quality gate passed the extract of the lock, together with the other extracts of the build.

    accepted: the accepted checks and the reason. It is stored with the extract, and used when the extract is judged
        again.
    """
    connection.execute(
        "update landing.extracts set passed_with = $passed_with, accepted = coalesce($accepted, accepted) "
        "where extract_id = $extract_id",
        {
            "passed_with": lock.admitted_extracts,
            "accepted": accepted and accepted.model_dump_json(),
            "extract_id": lock.extract_id,
        },
    )


def fail(connection: Connection) -> None:
    """Record that the quality gate did not pass this build, although the extract keeps its state."""
    target.distrust(connection)


def check_passed(connection: Connection, lock: Lock) -> None:
    """Raise NotJudgedError unless the quality gate passed the run's build, or this build is published already.

    So a task `quality` that was marked as success, or skipped, admits nothing. A task `publish` that is cleared by
    itself may publish the current content again, even if other weeks were added since. If the run withdraws its
    extract, only dbt's tests count: raises NotTestedError if they fail.
    """
    if lock.withdrawal:
        check_withdrawal(connection, lock)
        return
    extract = ledger.extract(connection, lock.extract_id)
    is_published = rows(
        connection, "select version from landing.publication where extracts = $extracts", {"extracts": lock.extracts}
    )
    if extract.passed_with != lock.admitted_extracts and not (extract.state == "admitted" and is_published):
        raise NotJudgedError("the quality gate has not passed what this run built: clear its task quality.")


def published(connection: Connection, lock: Lock, version: int) -> None:
    """Record the published version that holds the run's build."""
    connection.execute("delete from landing.publication")
    connection.execute(
        "insert into landing.publication (version, extracts) values ($version, $extracts)",
        {"version": version, "extracts": lock.extracts},
    )
    connection.execute(
        "insert into landing.versions (version, extracts, published_at, rolled_back) "
        "select $version, $extracts, cast(current_timestamp as timestamp), false",
        {"version": version, "extracts": lock.extracts},
    )
