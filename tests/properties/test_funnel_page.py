"""The funnel page's API against an independent calculation, and against the summaries of the weeks."""

from __future__ import annotations

import json
import random
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from greenery.build import target
from greenery.documents import to_json
from greenery.report.writing import figures
from greenery.settings import Settings
from greenery.web.funnel import app as web
from greenery.web.funnel import security
from hypothesis import given, seed, strategies
from hypothesis import settings as hypothesis_settings

from tests.properties import reference, selections
from tests.properties.histories import CHOICES, Case, case_of
from tests.properties.reference import STEPS, WEEK
from tests.properties.replay import Warehouse
from tests.properties.test_one_rule import settle
from tests.properties.test_simulated_shop import extracts  # noqa: F401
from tests.properties.world import MATURITY_DAYS, World, insert, publish

# Half as many histories as the profile has cases, because each is asked for dozens of answers: 10 with make test, 500
# with --hypothesis-profile prove. The selections are 100 and 5,000.
HISTORIES = hypothesis_settings().max_examples // 2
SELECTIONS = 10 * HISTORIES


def client_of(warehouse: Warehouse, home: Path, maturity_days: int) -> TestClient:
    """Return a client of the API that reads what is published in `warehouse`; it is logged in."""
    number = 1 + len(list(home.glob("versions/*")))
    folder = home / "versions" / str(number)
    folder.mkdir(parents=True)
    connection = warehouse.open("published")
    connection.raw.execute(f"attach '{folder / 'greenery.duckdb'}' as copied")
    connection.raw.execute("copy from database published to copied")
    connection.raw.execute("detach copied")
    (folder / "manifest.json").write_text(json.dumps({"version": number}), encoding="utf-8")
    (home / "published").unlink(missing_ok=True)
    (home / "published").symlink_to(folder)
    app = web.build(Settings(home=home, extracts=home / "extracts", maturity_days=maturity_days))
    app.dependency_overrides[security.MAY_SEE.dependency] = lambda: None
    return TestClient(app)


def ask(client: TestClient, path: str, **parameters: object) -> dict:
    """Return the answer of the API."""
    response = client.get(
        f"/api/{path}", params={name: value for name, value in parameters.items() if value is not None}
    )
    assert response.status_code == 200, response.text
    return response.json()


def draw(chance: random.Random, shop: selections.Shop) -> selections.Chosen:
    """Return a random selection; many have several filters, some select nothing."""
    days = [shop.sessions[0]["started_at"].date(), shop.as_of.date()] if shop.sessions else [shop.as_of.date()] * 2
    length = (days[1] - days[0]).days
    chosen: selections.Chosen = {}
    if chance.random() < 0.7:
        one, other = sorted(chance.randint(-3, length + 3) for _ in range(2))
        chosen["from"], chosen["to"] = (days[0] + timedelta(days=number) for number in (one, other))
    values = {
        "product": shop.products,
        "country": sorted({session["country"] for session in shop.sessions}),
        "state": sorted({session["state"] for session in shop.sessions}),
        "visitor": ["new", "returning", "unknown"],
        "weekday": list(selections.WEEKDAYS),
    }
    for name, known in values.items():
        if known and chance.random() < 0.4:
            chosen[name] = chance.sample(known, min(len(known), chance.randint(1, 3)))
    return chosen


def check(client: TestClient, shop: selections.Shop, chosen: selections.Chosen, maturity_days: int, by: str) -> None:
    """Compare all answers on a selection with the calculation in plain Python."""
    asked = {**chosen, "as_of": shop.as_of.date()}
    sessions = shop.select(chosen)
    expected = selections.counts(sessions)
    funnel = ask(client, "funnel", **asked, compare="previous")
    start, end = shop.period(chosen)
    assert funnel["funnel"] == expected
    assert funnel["period"] == {"from": f"{start:%Y-%m-%d}", "to": f"{end:%Y-%m-%d}"}
    assert funnel["shipped_at_equal_age"] == shop.shipped_at_equal_age(sessions)
    provisional = ["package_shipped"] if shop.may_still_ship(sessions, maturity_days) else []
    assert funnel["provisional"] == provisional
    before = {**chosen, "from": (start - (end - start)).date(), "to": start.date()}
    assert funnel["comparison"]["funnel"] == selections.counts(shop.select(before))

    periods = {
        "day": lambda session: session["started_at"].date(),
        "week": shop.week_of,
        "month": lambda session: session["started_at"].date().replace(day=1),
    }
    bucket = by if by in periods else "week"
    grouped = selections_by(sessions, periods[bucket])
    points = ask(client, "over-time", **asked, by=bucket)["points"]
    assert [point["funnel"] for point in points] == [selections.counts(grouped[value]) for value in sorted(grouped)]
    assert [point["provisional"] for point in points] == [
        ["package_shipped"] if shop.may_still_ship(grouped[value], maturity_days) else [] for value in sorted(grouped)
    ]

    dimension = by if by not in periods else "country"
    groups = ask(client, "breakdown", **asked, by=dimension)["groups"]
    wanted = shop.by_product(chosen) if dimension == "product" else selections_by(sessions, lambda one: one[dimension])
    assert {group["value"]: group["funnel"] for group in groups} == {
        value: selections.counts(found) for value, found in wanted.items()
    }

    times = ask(client, "times", **asked)
    for step, (number, quartiles) in selections.times(sessions).items():
        (found,) = (one for one in times["steps"] if one["to"] == step)
        assert found["sessions"] == number
        if number:
            got = [found["percentile_25"], found["median"], found["percentile_75"]]
            assert all(abs(one - other) <= 1 for one, other in zip(got, quartiles, strict=True)), (got, quartiles)
            assert sum(one["sessions"] for one in found["distribution"]) == number

    step = STEPS[expected["sessions"] % 4]
    drilled = ask(client, "sessions", **asked, reached=step)
    reached = {session["session_id"] for session in sessions if session[f"{step}_at"] is not None}
    assert drilled["total"] == len(reached)
    assert {session["session_id"] for session in drilled["sessions"]} == reached or len(reached) > 1000


def check_two(
    client: TestClient, shop: selections.Shop, chosen: selections.Chosen, other: selections.Chosen
) -> tuple[int, int]:
    """Compare a selection with another one; return how many sessions the other has, and how many are in both."""
    asked = {**chosen, "as_of": shop.as_of.date(), **{f"other_{name}": value for name, value in other.items()}}
    found = ask(client, "funnel", **asked, compare="other")["comparison"]
    days = {name: chosen[name] for name in ("from", "to") if name in chosen}
    sessions, others = shop.select(chosen), shop.select({**days, **other})
    shared = {session["session_id"] for session in sessions} & {session["session_id"] for session in others}
    assert found["funnel"] == selections.counts(others)
    assert found["shared_sessions"] == len(shared)
    return len(others), len(shared)


def selections_by(sessions: list[dict], key) -> dict:
    """Return the sessions by a property of theirs."""
    grouped: dict = {}
    for session in sessions:
        grouped.setdefault(key(session), []).append(session)
    return grouped


def check_summary(client: TestClient, summary: dict) -> None:
    """For the week of a summary, as known at its end, the page shows its figures to the last digit."""
    as_of = summary["as_of"][:10]
    end = datetime.fromisoformat(as_of)
    week = {"from": (end - WEEK).date(), "to": end.date()}
    found = ask(client, "funnel", as_of=as_of, compare="previous", **week)
    other = found["comparison"]
    assert found["funnel"] == summary["funnel"]["week"]
    assert other["funnel"] == summary["funnel"]["previous_week"]
    assert found["rates"] == summary["rates"]["week"]
    assert other["rates"] == summary["rates"]["previous_week"]
    assert found["intervals"] == summary["intervals"]["week"]
    assert found["largest_drop_off"] == summary["largest_drop_off"]["week"]
    assert other["largest_drop_off"] == summary["largest_drop_off"]["previous_week"]
    assert found["provisional"] == summary["provisional"]["steps"]
    assert found["shipped_at_equal_age"] == summary["provisional"]["equal_age"]["week"]["package_shipped"]
    for step in STEPS:
        now, then = other["differences"][step], summary["change"]["steps"][step]
        assert [now[name] for name in ("conversion_pp", "at_equal_age", "p_value", "reading")] == [
            then[name] for name in ("conversion_pp", "at_equal_age", "p_value", "reading")
        ]
    checkout, verdict = other["differences"]["checkout"], summary["verdict"]
    assert [checkout["conversion_pp"], checkout["interval_pp"], checkout["p_value"], checkout["reading"]] == [
        verdict[name] for name in ("change_pp", "change_interval_pp", "p_value", "reading")
    ]
    all_time = ask(client, "funnel", as_of=as_of)
    assert all_time["funnel"] == summary["funnel"]["all_time"]
    assert all_time["rates"] == summary["rates"]["all_time"]
    assert all_time["largest_drop_off"] == summary["largest_drop_off"]["all_time"]
    assert all_time["provisional"] == summary["provisional"]["all_time"]["steps"]
    pace = {one["to"]: one for one in ask(client, "times", as_of=as_of, **week)["steps"]}
    for step, expected in summary["pace"]["steps"].items():
        assert (pace[step]["from"], pace[step]["sessions"], pace[step]["median"], pace[step]["provisional"]) == (
            expected["from"],
            expected["sessions"],
            expected["median_seconds"],
            expected["provisional"],
        )
    trend = ask(client, "over-time", as_of=as_of, by="week")["points"]
    by_end = {point["period"]["to"]: point for point in trend}
    for point in summary["trend"]:
        if point["sessions"]:
            shown = by_end[point["end"][:10]]
            assert shown["conversion"] == point["conversion"]
            assert shown["provisional"] == point["provisional"]
            assert shown["shipped_at_equal_age"] == point["equal_age"]["package_shipped"]
    changes, expected = ask(client, "order-changes", as_of=as_of), summary["order_changes"]
    assert changes["previous_as_of"] == (expected["previous_as_of"] and expected["previous_as_of"][:10])
    assert changes["changes"] == {name: expected[name] for name in changes["changes"]}
    assert changes["status_transitions"] == expected["status_transitions"]
    names = ("order_id", "change", "status_from", "status_to", "changed_columns")
    assert [[order[name] for name in names] for order in changes["orders"]] == [
        [order[name] for name in names] for order in expected["orders"]
    ]


@pytest.fixture(scope="module")
def shop_client(warehouse, extracts, tmp_path_factory) -> TestClient:  # noqa: F811
    """A simulated shop of six weeks."""
    warehouse.clear()
    for extract in extracts:
        insert(warehouse.open(), extract, "admitted")
    target.set_build(warehouse.open())
    warehouse.build()
    publish(warehouse)
    return client_of(warehouse, tmp_path_factory.mktemp("funnel"), 28)


def test_random_selections_on_a_simulated_shop(shop_client, extracts):  # noqa: F811
    """Each answer on each selection, as known on each day, is what plain Python works out from the definitions."""
    shops = []
    for extract in extracts:
        until = [one for one in extracts if one.as_of <= extract.as_of]
        shops.append(selections.Shop(reference.analytics(until), extract.as_of))
    chance = random.Random(16)  # noqa: S311
    sizes = Counter()
    by = ("day", "week", "month", "product", "country", "state", "visitor", "weekday")
    for number in range(SELECTIONS):
        shop = shops[number % len(shops)]
        chosen = draw(chance, shop)
        sizes["empty" if not shop.select(chosen) else "some"] += 1
        check(shop_client, shop, chosen, 28, by[number // len(shops) % len(by)])
        others, shared = check_two(shop_client, shop, chosen, draw(chance, shop))
        sizes["some shared"] += 0 < shared < others
    assert sizes["some shared"] > SELECTIONS // 20, sizes
    assert min(sizes["some"], sizes["empty"]) > SELECTIONS // 20, sizes


def test_the_week_of_each_summary_of_a_simulated_shop(shop_client, warehouse, extracts):  # noqa: F811
    for extract in extracts:
        check_summary(shop_client, json.loads(to_json(figures(warehouse.open("published"), extract.as_of, 28))))


def test_random_histories(warehouse, tmp_path_factory):
    """As known on the day of each summary, whatever was landed late, corrected, held or withdrawn on the way."""
    home = tmp_path_factory.mktemp("histories")
    seen: Counter[str] = Counter()

    @seed(16)
    @hypothesis_settings(max_examples=HISTORIES)
    @given(
        strategies.binary(min_size=CHOICES, max_size=CHOICES).map(case_of), strategies.randoms(use_true_random=False)
    )
    def holds(case: Case, chance: random.Random) -> None:
        warehouse.clear()
        world = World(warehouse, case.contents)
        for operation in case.path:
            world.do(operation)
        texts = settle(world)
        if not texts:
            return
        client = client_of(warehouse, home, MATURITY_DAYS)
        admitted = world.admitted()
        for as_of, written in texts.items():
            seen["summaries"] += 1
            check_summary(client, json.loads(written))
            shop = selections.Shop(reference.analytics([one for one in admitted if one.as_of <= as_of]), as_of)
            for by in ("day", "product"):
                seen["selections"] += 1
                check(client, shop, draw(chance, shop), MATURITY_DAYS, by)

    holds()
    assert seen["summaries"] > HISTORIES, seen
