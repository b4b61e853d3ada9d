"""The replayed statements do what dbt does: the same warehouse, the same reports."""

from __future__ import annotations

import random

import pytest
from greenery.build import locking, record, target
from greenery.documents import to_json
from greenery.landing import ledger
from greenery.publishing import versions
from greenery.report import writing
from greenery.settings import Settings
from greenery.warehouse.access import connect

from tests.pipeline import dbt
from tests.properties.histories import describe, extract_id, make_history
from tests.properties.replay import Broken, contents
from tests.properties.world import MATURITY_DAYS, insert, publish, text

SCHEMAS = ("marts", "intermediate")


@pytest.mark.parametrize("number", [1, 2])
def test_dbt_and_its_replay_end_in_the_same_rows(warehouse, tmp_path, number):
    history = make_history(random.Random(number).randrange, weeks=3)  # noqa: S311
    first, *others = [variants[0] for variants in history.values()]
    home = Settings(home=tmp_path / "home", extracts=tmp_path / "extracts")
    warehouse.clear()
    # The first week lands late; the last run is one again.
    for extract in [*others, first, others[-1]]:
        with connect(home) as connection:
            _take(connection, extract)
        dbt(home, "build", "--exclude-resource-type", "unit_test")
        _take(warehouse.open(), extract)
        warehouse.build()
        with connect(home) as connection:
            built = contents(connection, SCHEMAS)
        assert built == warehouse.relations(SCHEMAS), describe(history)
        assert sum(map(len, built.values())) > 10

        versions.publish(home, "run")
        publish(warehouse)
        ledger.admit(warehouse.open(), extract_id(extract))
        with versions.open_published(home) as reader:
            written = to_json(writing.figures(reader, extract.as_of, MATURITY_DAYS))
        assert written == text(warehouse, extract.as_of)


def test_a_version_of_an_order_from_no_extract_is_found(warehouse):
    """As when the versions of a withdrawn extract stay."""
    history = make_history(random.Random(1).randrange, weeks=3)  # noqa: S311
    warehouse.clear()
    for variants in history.values():
        insert(warehouse.open(), variants[0], "admitted")
    built_to_the_end(warehouse)
    assert warehouse.failures() == {}
    connection = warehouse.open()
    connection.execute(
        "insert into marts.orders_snapshot select * replace ('gone' as order_id, 'gone' as dbt_scd_id, "
        "dbt_valid_from + interval 1 hour as dbt_valid_from, dbt_valid_from + interval 2 hours as dbt_valid_to) "
        "from marts.orders_snapshot limit 1"
    )
    found = [name for name in warehouse.failures() if name.startswith("relationships_orders_snapshot_dbt_valid")]
    assert len(found) == 2


def built_to_the_end(warehouse):
    """Build what is admitted, and be tested."""
    target.set_build(warehouse.open())
    warehouse.build()
    warehouse.open().execute("delete from landing.touched_pairs")


def _take(connection, extract):
    if ledger.newest(connection, extract.as_of) is None:
        insert(connection, extract, "landed")
    assert locking.acquire(connection, "run", extract.as_of, lambda _: False)
    record.passed(connection, locking.check_lock(connection, "run"))


def test_a_build_broken_off_anywhere_is_made_good_by_the_next(warehouse, proves):
    history = make_history(random.Random(5).randrange, weeks=3)  # noqa: S311
    extracts = [variants[0] for variants in history.values()]
    warehouse.clear()
    for extract in extracts:
        insert(warehouse.open(), extract, "admitted")
    target.set_build(warehouse.open())
    warehouse.build()
    wanted = warehouse.relations()
    for already_built in (0, len(extracts) - 1):
        for place in range(0, 1000, 20 if proves else 110):
            warehouse.clear()
            for extract in extracts[:already_built]:
                insert(warehouse.open(), extract, "admitted")
            if already_built:
                built_to_the_end(warehouse)
            for extract in extracts[already_built:]:
                insert(warehouse.open(), extract, "admitted")
            target.set_build(warehouse.open())
            with pytest.raises(Broken):
                warehouse.build(break_at=place)
            warehouse.build()
            assert warehouse.relations() == wanted, f"broken off after {place / 10} % of the statements"
