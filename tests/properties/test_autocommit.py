"""Each statement committed by itself, none in a transaction: a build that is broken off anywhere is mended by the next.

So it is on a warehouse that commits each statement, delete and insert of one model too. `make test` breaks off at a
sample of the statements, `make prove-statements` at each.
"""

from __future__ import annotations

import random

import pytest
from greenery.build import target
from greenery.landing import ledger

from tests.properties.histories import extract_id, make_history
from tests.properties.world import insert


@pytest.fixture(scope="module")
def extracts():
    history = make_history(random.Random(5).randrange, weeks=3)  # noqa: S311
    return [variants[0] for variants in history.values()]


@pytest.fixture
def ends(extracts):
    """What the run after the broken one builds from, by name."""
    return {"the same": extracts, "without the newest": extracts[:-1], "without the first": extracts[1:]}


def take(warehouse, admitted):
    """Let exactly these extracts be admitted, and be what is built from now on."""
    connection = warehouse.open()
    landed = {row.extract_id for row in ledger.extracts(connection)}
    connection.execute("update landing.extracts set state = 'held'")
    for extract in admitted:
        if extract_id(extract) not in landed:
            insert(connection, extract, "held")
        ledger.admit(connection, extract_id(extract))
    target.set_build(connection)


def built_and_tested(warehouse, admitted):
    """Begin anew with these extracts, all models built and tested."""
    warehouse.clear()
    take(warehouse, admitted)
    warehouse.build()
    warehouse.open().execute("delete from landing.touched_pairs")


def outcome(warehouse, admitted):
    """Return all rows of a build to the end."""
    take(warehouse, admitted)
    warehouse.build_committing_each()
    return warehouse.relations()


def statements_of_a_run(warehouse, extracts):
    built_and_tested(warehouse, extracts[:-1])
    take(warehouse, extracts)
    return warehouse.build_committing_each()


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("end", ["the same", "without the newest"])
def test_broken_off_at_any_statement(warehouse, extracts, ends, end, proves):
    warehouse.clear()
    wanted = outcome(warehouse, ends[end])
    places = range(statements_of_a_run(warehouse, extracts) + 1)
    wrong = []
    for place in places if proves else random.Random(7).sample(places, 15):  # noqa: S311
        built_and_tested(warehouse, extracts[:-1])
        take(warehouse, extracts)
        warehouse.build_committing_each(place)
        if outcome(warehouse, ends[end]) != wanted:
            wrong.append(place)
    assert not wrong


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("end", ["the same", "without the newest", "without the first"])
def test_broken_off_twice(warehouse, extracts, ends, end, proves):
    """The second build has another target, now and then, and is broken off too."""
    tries = 300 if proves else 8
    warehouse.clear()
    wanted = outcome(warehouse, ends[end])
    draw, wrong = random.Random(7), []  # noqa: S311
    last = statements_of_a_run(warehouse, extracts)
    for _ in range(tries):
        place, second = draw.randint(1, last), draw.randint(1, last)
        built_and_tested(warehouse, extracts[:-1])
        take(warehouse, extracts)
        warehouse.build_committing_each(place)
        take(warehouse, draw.choice([extracts, extracts, extracts[:1], extracts[1:]]))
        warehouse.build_committing_each(second)
        if outcome(warehouse, ends[end]) != wanted:
            wrong.append((place, second))
    assert not wrong
