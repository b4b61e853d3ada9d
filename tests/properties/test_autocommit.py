"""Each statement committed by itself, none in a transaction: broken off once or twice, then another target."""

from __future__ import annotations

import random

import pytest
from greenery import ledger

from tests.properties.histories import make_history
from tests.properties.replay import TRANSACTION, Broken, Warehouse, _verb, build_statements
from tests.properties.test_replay import built_to_the_end
from tests.properties.world import insert


class Autocommitted(Warehouse):
    """A warehouse that commits each statement by itself, those of an incremental strategy too."""

    def build(self, *, afresh=False, break_at=None):
        """Build all models, or only so many statements of it."""
        connection = self.open()
        try:
            found = [*self._left_over(connection), *build_statements(self.recording, connection, afresh=afresh)]
            single = [
                statement
                for text in found
                if _verb(text) not in TRANSACTION
                for statement in connection.raw.extract_statements(text)
            ]
            self.count = len(single)
            done = self.count if break_at is None else min(break_at, self.count)
            for statement in single[:done]:
                connection.raw.execute(statement)
        finally:
            connection.close()
        if done < self.count:
            raise Broken


@pytest.fixture(scope="module")
def extracts():
    history = make_history(random.Random(5).randrange, weeks=3)
    return [variants[0] for variants in history.values()]


@pytest.fixture(scope="module")
def autocommitted(recording):
    return Autocommitted(recording)


def take(warehouse, extracts):
    """Let exactly these be admitted, and the target of the build."""
    connection = warehouse.open()
    ids = {row["extract_id"]: row for row in ledger.extracts(connection)}
    connection.execute("update landing.extracts set state = 'held'")
    for extract in extracts:
        from tests.properties.histories import extract_id

        if extract_id(extract) not in ids:
            insert(connection, extract, "held")
        ledger.admit(connection, extract_id(extract))
    ledger.set_build(connection)


def broken(warehouse, place):
    try:
        warehouse.build(break_at=place)
    except Broken:
        pass
    return warehouse.count


@pytest.mark.parametrize("next_run", ["same", "without"])
def test_killed_anywhere(autocommitted, extracts, next_run):
    warehouse, final = autocommitted, extracts if next_run == "same" else extracts[:-1]
    warehouse.clear()
    take(warehouse, final)
    warehouse.build()
    wanted = warehouse.relations()
    bad, place, count = {}, 0, 10**6
    while place < count:
        warehouse.clear()
        take(warehouse, extracts[:-1])
        built_to_the_end(warehouse)
        take(warehouse, extracts)
        count = broken(warehouse, place)
        take(warehouse, final)
        warehouse.build()
        if (found := warehouse.relations()) != wanted:
            bad[place] = [name.split("(")[0] for name in wanted if found.get(name) != wanted[name]]
        place += 1
    print("\nkill points", count, next_run, "wrong", len(bad), sorted({m for v in bad.values() for m in v}))
    assert not bad


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("next_run", ["same", "without", "other"])
def test_killed_twice(autocommitted, extracts, next_run):
    """The second run of the same target is broken off too, before anything else is built."""
    warehouse = autocommitted
    final = {"same": extracts, "without": extracts[:-1], "other": extracts[1:]}[next_run]
    warehouse.clear()
    take(warehouse, final)
    warehouse.build()
    wanted = warehouse.relations()
    draw, bad, tries = random.Random(7), {}, 0
    for place in [10**6, *range(5, 80, 10)]:
        for second in range(0, 75, 4):
            warehouse.clear()
            take(warehouse, extracts[:-1])
            built_to_the_end(warehouse)
            take(warehouse, extracts)
            broken(warehouse, place)
            take(warehouse, draw.choice([extracts, extracts, extracts[:1], extracts[1:]]))
            broken(warehouse, second)
            take(warehouse, final)
            warehouse.build()
            tries += 1
            if (found := warehouse.relations()) != wanted:
                bad[place, second] = [name.split("(")[0] for name in wanted if found.get(name) != wanted[name]]
    print("\ntries", tries, next_run, "wrong", len(bad), sorted({m for v in bad.values() for m in v}))
    assert not bad
