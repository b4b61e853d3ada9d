"""The one rule: what is published is a function of the admitted extracts, whatever happened on the way.

Each case is a random history of a shop and a random path of operations on its warehouse. After the path, and after the
runs that its stale reports ask for, everything must equal a build from the start, and the definitions in plain Python.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime

import pytest
from greenery.build import locking, target
from greenery.landing import ledger
from hypothesis import given, note, seed, strategies

from tests.properties import reference
from tests.properties.histories import CHOICES, FIRST_AS_OF, WEEK, Case, case_of, extract_id
from tests.properties.proof_numbers import PARTS, PROPERTY, history_features
from tests.properties.reference import Extract
from tests.properties.replay import Warehouse
from tests.properties.world import MATURITY_DAYS, World, insert, publish, published_rows, report_rows, text


# Each part runs a tenth of the cases of the profile (tests/conftest.py).
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("part", range(1, PARTS + 1), ids=lambda part: f"{part}/{PARTS}")
def test_one_rule(part, warehouse, request):
    counts: Counter[str] = Counter()
    chosen = int(request.config.getoption("--hypothesis-seed") or 0)

    @seed(chosen * PARTS + part - 1)
    @given(strategies.binary(min_size=CHOICES, max_size=CHOICES).map(case_of))
    def holds(case: Case) -> None:
        note(str(case))
        counts.update(["cases", *check(warehouse, case)])

    holds()
    request.node.user_properties.append((PROPERTY, (part, dict(counts))))


def check(warehouse: Warehouse, case: Case) -> set[str]:
    """Check one case; return what happened in it. A tenth of all, chosen by their content, are checked more."""
    warehouse.clear()
    world = World(warehouse, case.contents)
    for operation in case.path:
        if world.do(operation):
            check_published(world)
    texts = settle(world)
    admitted = world.admitted()
    check_published(world)
    check_against_definitions(world)
    features = {*world.counts, *history_features(admitted)}
    path_relations = warehouse.relations()
    thorough = int(extract_id(admitted[0])[-4:], 16) % 10 == 0
    if thorough:
        failures = warehouse.failures()
        assert not failures, "data tests"

    # From the start: only the admitted extracts, and no run that builds.
    warehouse.clear()
    connection = warehouse.open()
    for extract in admitted:
        insert(connection, extract, "admitted")
    target.set_build(connection)
    warehouse.build()
    same(warehouse.relations(), path_relations)
    publish(warehouse)
    assert {extract.as_of: text(warehouse, extract.as_of) for extract in admitted} == texts

    if thorough:
        features.add("a build week by week beside it, and all data tests")
        warehouse.clear()
        connection = warehouse.open()
        for extract in admitted:
            insert(connection, extract, "landed")
            assert locking.acquire(connection, "in order", extract.as_of, lambda _: False)
            warehouse.build()
            publish(warehouse)
            ledger.admit(connection, extract_id(extract))
            assert text(warehouse, extract.as_of) == texts[extract.as_of], "a week's report on its day"
        same(warehouse.relations(), path_relations)
    return features


def settle(world: World) -> dict[datetime, str]:
    """Run a week unless the last run was published and all is as it left it, then the stale weeks; return all texts."""
    admitted = world.admitted()
    if not world.settled or world.published() != {extract_id(extract) for extract in admitted}:
        newest = admitted[-1].as_of if admitted else max(variants[0].as_of for variants in world.contents.values())
        assert world.run((newest - FIRST_AS_OF) // WEEK)
        check_published(world)
    for attempt in range(2 * len(world.contents) + 1):
        texts = world.texts()
        stale = [as_of for as_of, text in texts.items() if text != world.written.get(as_of)]
        if not stale:
            return texts
        if attempt == 0:
            world.counts["reports restated"] += 1
        assert world.run((min(stale) - FIRST_AS_OF) // WEEK)
        check_published(world)
    raise AssertionError(f"reports are still stale: {stale}")


def check_published(world: World) -> None:
    """What is published is all that is admitted, and nothing else."""
    assert world.published() == {extract_id(extract) for extract in world.admitted()}


def check_against_definitions(world: World) -> None:
    """All published rows and all summaries are what the definitions in plain Python say."""
    admitted = world.admitted()
    for relation, expected in reference.analytics(admitted).items():
        found = published_rows(world.warehouse, relation)
        names = list(expected[0]) if expected else []
        rows = Counter(tuple(row[name] for name in names) for row in found)
        wanted = Counter(tuple(row.values()) for row in expected)
        assert rows == wanted, f"{relation}: missing {wanted - rows}, too many {rows - wanted}"
    for extract in admitted:
        found = json.loads(world.written[extract.as_of])
        expected = reference.summary(admitted, extract.as_of, MATURITY_DAYS)
        changes = found["order_changes"]
        changes["status_transitions"] = {(m["from"], m["to"]): m["orders"] for m in changes["status_transitions"]}
        changes["orders"] = [
            {
                name: order[name]
                for name in ("order_id", "change", "status_from", "status_to", "order_total", "products")
            }
            for order in changes["orders"]
        ]
        part = {
            "as_of": found["as_of"],
            "week": found["week"],
            "funnel": found["funnel"],
            "events_without_session": found["events_without_session"],
            "pace": {
                step: (figures["sessions"], figures["median_seconds"])
                for step, figures in found["pace"]["steps"].items()
            },
            "against_median": {
                step: (figures["median_pp"], figures["median_weeks"])
                for step, figures in found["change"]["steps"].items()
            },
            "session_days": found["session_days"],
            "four_weeks": {
                step: tuple(
                    figures[name] for name in ("reached", "sessions", "reached_before", "sessions_before", "change_pp")
                )
                for step, figures in found["four_weeks"]["steps"].items()
            },
            "order_changes": {name: changes[name] for name in expected["order_changes"]},
        }
        assert part == expected
        check_what_few_sessions_hide(world, admitted, extract.as_of)


def check_what_few_sessions_hide(world: World, admitted: list[Extract], as_of: datetime) -> None:
    """A summary names movers and stuck orders only where there are enough sessions and orders; here none is too few."""
    movers, stuck = (report_rows(world.warehouse, name, as_of, enough=0) for name in ("movers", "stuck_orders"))
    assert movers == reference.movers(admitted, as_of)
    orders: dict[str, dict] = {row["status"]: {} for row in stuck}
    for row in stuck:
        if row["order_id"] is not None:
            orders[row["status"]][row["order_id"]] = row["since"]
    assert {
        row["status"]: (row["stays"], round(row["microseconds_95"] / 86_400_000_000, 6), orders[row["status"]])
        for row in stuck
    } == reference.stuck_orders(admitted, as_of)


def same(found: dict[str, list[tuple]], wanted: dict[str, list[tuple]]) -> None:
    """Relations are equal row for row; says of the first that is not what differs."""
    assert list(found) == list(wanted)
    for name, rows in wanted.items():
        if found[name] != rows:
            one, other = Counter(found[name]), Counter(rows)
            raise AssertionError(f"{name}: from the start {one - other}, after the path {other - one}")
