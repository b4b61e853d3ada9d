"""The figures of summary.json."""

import json
from datetime import datetime, timedelta

import pytest
from greenery.documents import to_json
from greenery.figures import order_changes, summary
from greenery.figures.rows import WeekRows

AS_OF = datetime(2023, 2, 1)
WEEK = timedelta(days=7)


def week(weeks_ago, sessions, add_to_cart, checkout, package_shipped, page_view=None, by_week_end=None, waiting=None):
    """Return a row of sessions_by_week.sql; unless told, all shipped in time and the other checkouts wait."""
    return {
        "weeks_ago": weeks_ago,
        "sessions": sessions,
        "page_view": sessions if page_view is None else page_view,
        "add_to_cart": add_to_cart,
        "checkout": checkout,
        "package_shipped": package_shipped,
        "shipped_by_week_end": package_shipped if by_week_end is None else by_week_end,
        "checkouts_not_shipped": max(0, checkout - package_shipped) if waiting is None else waiting,
    }


def change(order_id, kind, status_from=None, status_to=None, changed_columns=None):
    return {
        "order_id": order_id,
        "change": kind,
        "status_from": status_from,
        "status_to": status_to,
        "changed_columns": changed_columns,
    }


def build(weeks=(), changes=(), previous_as_of=AS_OF - WEEK, maturity_days=28, **rows):
    """Return the content of summary.json."""
    found = WeekRows(as_of=AS_OF, previous_as_of=previous_as_of, sessions_by_week=weeks, order_changes=changes, **rows)
    return summary.build(found, maturity_days).document()


def compared(figures, step):
    """Return how a step compares with the week before, without the verdict on it."""
    change = figures["change"]["steps"][step]
    return change["conversion_pp"], change["at_equal_age"]


REAL = week(103, 578, 467, 361, 335)


def test_the_week_ends_at_the_as_of_in_utc():
    figures = build()
    assert figures["as_of"] == "2023-02-01T00:00:00+00:00"
    assert figures["week"] == {"start": "2023-01-25T00:00:00+00:00", "end": "2023-02-01T00:00:00+00:00"}


def test_funnel_counts_each_scope():
    figures = build([week(0, 10, 8, 5, 3), week(1, 20, 11, 9, 8), REAL])
    assert figures["funnel"] == {
        "week": {"sessions": 10, "page_view": 10, "add_to_cart": 8, "checkout": 5, "package_shipped": 3},
        "previous_week": {"sessions": 20, "page_view": 20, "add_to_cart": 11, "checkout": 9, "package_shipped": 8},
        "all_time": {"sessions": 608, "page_view": 608, "add_to_cart": 486, "checkout": 375, "package_shipped": 346},
    }


def test_previous_week_is_the_week_before_and_not_the_newest_that_has_sessions():
    assert build([week(0, 10, 8, 5, 3), week(2, 20, 11, 9, 8)])["funnel"]["previous_week"]["sessions"] == 0


def test_rates_are_shares_of_all_sessions_and_of_the_step_before():
    rates = build([REAL])["rates"]["all_time"]
    assert rates["add_to_cart"] == {
        "conversion": 0.807958,
        "step_conversion": 0.807958,
        "lost": 111,
        "lost_pp": 19.2042,
    }
    assert rates["checkout"] == {"conversion": 0.624567, "step_conversion": 0.773019, "lost": 106, "lost_pp": 18.3391}
    assert rates["package_shipped"]["conversion"] == 0.579585


def test_a_session_without_page_view_is_lost_at_page_view():
    rates = build([week(0, 10, 8, 5, 5, page_view=9)])["rates"]["week"]
    assert rates["page_view"] == {"conversion": 0.9, "step_conversion": 0.9, "lost": 1, "lost_pp": 10.0}


def test_steps_need_not_nest():
    rates = build([week(0, 10, 4, 5, 5)])["rates"]["week"]
    assert rates["checkout"] == {"conversion": 0.5, "step_conversion": 1.25, "lost": -1, "lost_pp": -10.0}


def test_no_sessions_have_no_rates():
    figures = build()
    assert figures["rates"]["week"]["checkout"] == {
        "conversion": None,
        "step_conversion": None,
        "lost": 0,
        "lost_pp": None,
    }
    assert figures["largest_drop_off"] == {"week": None, "previous_week": None, "all_time": None}
    assert figures["change"]["sessions"] == 0
    assert figures["change"]["sessions_share"] is None
    assert compared(figures, "checkout") == (None, False)
    assert figures["provisional"]["steps"] == []
    assert figures["provisional"]["newest_mature_week"] is None
    assert [row["sessions"] for row in figures["trend"]] == [0]


class TestLargestDropOff:
    def test_is_by_sessions_lost(self):
        assert build([REAL])["largest_drop_off"]["all_time"] == {
            "from": "page_view",
            "to": "add_to_cart",
            "lost": 111,
            "lost_pp": 19.2042,
        }

    def test_can_be_a_later_step(self):
        assert build([week(0, 10, 9, 4, 4)])["largest_drop_off"]["week"] == {
            "from": "add_to_cart",
            "to": "checkout",
            "lost": 5,
            "lost_pp": 50.0,
        }

    def test_is_none_where_no_step_loses(self):
        assert build([week(0, 10, 6, 7, 8, page_view=5)])["largest_drop_off"]["week"] is None

    def test_leaves_out_a_provisional_step(self):
        recent = week(0, 100, 90, 85, 5)
        assert build([recent])["largest_drop_off"]["week"]["to"] == "add_to_cart"
        assert build([recent], maturity_days=0)["largest_drop_off"]["week"]["to"] == "package_shipped"

    def test_leaves_it_out_of_the_previous_week_too(self):
        assert build([week(1, 100, 90, 85, 5)])["largest_drop_off"]["previous_week"]["to"] == "add_to_cart"

    def test_leaves_it_out_of_all_time_while_any_week_is_provisional(self):
        old = week(9, 100, 90, 85, 5)
        assert build([old])["largest_drop_off"]["all_time"]["to"] == "package_shipped"
        assert build([week(3, 10, 9, 8, 7), old])["largest_drop_off"]["all_time"]["to"] == "add_to_cart"


class TestChange:
    def test_is_this_week_against_the_week_before(self):
        figures = build([week(0, 110, 55, 44, 44), week(1, 100, 60, 40, 40)])
        assert (figures["change"]["sessions"], figures["change"]["sessions_share"]) == (10, 0.1)
        assert compared(figures, "add_to_cart") == (-10.0, False)
        assert compared(figures, "checkout") == (0.0, False)

    def test_has_no_share_where_the_week_before_is_empty(self):
        figures = build([week(0, 10, 8, 5, 5)])["change"]
        assert (figures["sessions"], figures["sessions_share"]) == (10, None)
        assert figures["steps"]["checkout"]["conversion_pp"] is None

    @pytest.mark.parametrize(
        ("waiting", "waiting_before"), [(30, 5), (30, 0), (0, 5)], ids=["both", "this week", "the week before"]
    )
    def test_compares_shipped_at_equal_age_while_either_week_is_provisional(self, waiting, waiting_before):
        weeks = [
            week(0, 100, 80, 50, 20, waiting=waiting),
            week(1, 100, 80, 50, 45, by_week_end=10, waiting=waiting_before),
        ]
        assert compared(build(weeks), "package_shipped") == (10.0, True)

    def test_compares_shipped_as_it_is_once_both_weeks_are_mature(self):
        weeks = [week(0, 100, 80, 50, 50), week(1, 100, 80, 50, 50, by_week_end=10)]
        assert compared(build(weeks), "package_shipped") == (0.0, False)


class TestVerdict:
    def test_speaks_of_the_share_that_checked_out_and_its_change(self):
        verdict = build([week(0, 80, 70, 56, 56), week(1, 70, 60, 42, 42)])["verdict"]
        low, high = verdict.pop("interval")
        assert (low, high) == (0.592318, 0.789354)
        low_pp, high_pp = verdict.pop("change_interval_pp")
        assert low_pp < 10 < high_pp
        assert verdict == {
            "step": "checkout",
            "conversion": 0.7,
            "change_pp": 10.0,
            "p_value": 0.200688,
            "reading": "within_noise",
        }

    def test_without_a_week_before_compares_nothing(self):
        verdict = build([week(0, 578, 467, 361, 335)])["verdict"]
        assert verdict["interval"] is not None
        assert [verdict[name] for name in ("change_pp", "change_interval_pp", "p_value")] == [None, None, None]
        assert verdict["reading"] == "no_comparison"

    def test_of_an_empty_week_is_none(self):
        verdict = build([week(1, 578, 467, 361, 335)])["verdict"]
        assert verdict.pop("step") == "checkout"
        assert verdict.pop("reading") == "no_comparison"
        assert set(verdict.values()) == {None}

    def test_is_not_given_under_30_sessions_but_how_unsure_it_is(self):
        verdict = build([week(0, 29, 20, 20, 20), week(1, 300, 100, 10, 10)])["verdict"]
        assert (verdict["p_value"], verdict["reading"]) == (None, "too_few_sessions")
        assert verdict["change_interval_pp"] is not None

    def test_is_what_the_step_says_too(self):
        figures = build([week(0, 800, 700, 560, 560), week(1, 700, 600, 350, 350)])
        step, verdict = figures["change"]["steps"]["checkout"], figures["verdict"]
        assert (step["p_value"], step["reading"]) == (verdict["p_value"], "more_than_noise")
        assert step["conversion_pp"] == verdict["change_pp"] == 20.0


class TestIntervals:
    def test_are_of_each_step_this_week_and_of_all_time(self):
        intervals = build([week(0, 20, 20, 10, 0), week(1, 20, 20, 10, 0)])["intervals"]
        assert list(intervals) == ["week", "all_time"]
        assert intervals["week"] == {
            "page_view": [0.838875, 1.0],
            "add_to_cart": [0.838875, 1.0],
            "checkout": [0.299298, 0.700702],
            "package_shipped": [0.0, 0.161125],
        }
        assert intervals["all_time"]["package_shipped"] == [0.0, 0.087622]

    def test_of_a_week_without_sessions_are_none(self):
        assert set(build([REAL])["intervals"]["week"].values()) == {None}


class TestAgainstTheMedian:
    @staticmethod
    def against(weeks, step="checkout", **options):
        change = build(weeks, **options)["change"]["steps"][step]
        return change["median_pp"], change["median_weeks"]

    def test_of_the_four_weeks_before(self):
        before = [week(ago, 100, 50, checkout, checkout) for ago, checkout in [(1, 10), (2, 20), (3, 40), (4, 90)]]
        assert self.against([week(0, 100, 50, 50, 50), *before, week(5, 100, 50, 0, 0)]) == (20.0, 4)

    def test_leaves_out_weeks_without_sessions(self):
        assert self.against([week(0, 100, 50, 50, 50), week(2, 100, 50, 20, 20), week(4, 100, 50, 40, 40)]) == (20.0, 2)
        assert self.against([week(0, 100, 50, 50, 50), week(5, 100, 50, 20, 20)]) == (None, 0)
        assert self.against([week(1, 100, 50, 50, 50)]) == (None, 1)

    @pytest.mark.parametrize("waiting", [0, 2, 4])
    def test_compares_shipped_at_equal_age_while_any_of_the_weeks_is_provisional(self, waiting):
        weeks = [week(ago, 100, 80, 50, 50, by_week_end=10 * ago, waiting=ago == waiting) for ago in range(5)]
        figures = build(weeks, maturity_days=29)["change"]["steps"]["package_shipped"]
        assert (figures["median_pp"], figures["median_at_equal_age"]) == (-25.0, True)
        assert figures["at_equal_age"] == (waiting == 0)

    def test_compares_shipped_as_it_is_once_all_are_mature(self):
        weeks = [week(ago, 100, 80, 50, 50, by_week_end=10 * ago) for ago in range(5)]
        figures = build(weeks)["change"]["steps"]["package_shipped"]
        assert (figures["median_pp"], figures["median_at_equal_age"]) == (0.0, False)


def took(step, sessions, microseconds):
    """Return a row of pace.sql."""
    return {"step": step, "sessions": sessions, "median_microseconds": microseconds}


class TestPace:
    def test_is_the_median_time_from_step_to_step(self):
        rows = [took("add_to_cart", 120, 140_499_999.5), took("package_shipped", 80, 2 * 86_400_000_000.0)]
        pace = build([week(0, 150, 120, 100, 80)], pace=rows)["pace"]
        assert pace == {
            "steps": {
                "add_to_cart": {"from": "page_view", "median_seconds": 140, "sessions": 120, "provisional": False},
                "checkout": {"from": "add_to_cart", "median_seconds": None, "sessions": 0, "provisional": False},
                "package_shipped": {"from": "checkout", "median_seconds": 172800, "sessions": 80, "provisional": True},
            },
            "slowest": "package_shipped",
        }

    def test_names_the_slowest_only_among_steps_with_enough_sessions(self):
        rows = [took("add_to_cart", 30, 5e6), took("checkout", 29, 9e6)]
        assert build(pace=rows)["pace"]["slowest"] == "add_to_cart"
        assert build(pace=rows[1:])["pace"]["slowest"] is None

    def test_names_the_earlier_of_two_that_are_as_slow(self):
        rows = [took("checkout", 30, 5e6), took("add_to_cart", 30, 5e6)]
        assert build(pace=rows)["pace"]["slowest"] == "add_to_cart"


def moved(value, now, before, dimension="country", name=None):
    """Return a row of movers.sql from reached and sessions on both sides."""
    return {
        "dimension": dimension,
        "value": value,
        "name": name or value,
        "reached": now[0],
        "sessions": now[1],
        "reached_before": before[0],
        "sessions_before": before[1],
    }


class TestMovers:
    WEEKS = (week(0, 1000, 900, 500, 500), week(1, 1000, 900, 400, 400))

    def movers(self, *rows):
        return build(self.WEEKS, movers=rows)["movers"]

    def test_without_values_to_compare_are_none(self):
        assert self.movers() == {"step": "checkout", "compared": 0, "moved": 0, "movers": []}
        assert build(movers=[])["movers"]["movers"] == []

    def test_say_how_much_of_the_change_is_theirs(self):
        found = self.movers(moved("US", (300, 500), (200, 500)), moved("NL", (200, 500), (200, 500)))
        assert (found["step"], found["compared"]) == ("checkout", 2)
        us, nl = found["movers"]
        p_value, p_adjusted = us.pop("p_value"), us.pop("p_adjusted")
        assert us == {
            "dimension": "country",
            "value": "US",
            "name": "US",
            "sessions": 500,
            "sessions_before": 500,
            "reached": 300,
            "reached_before": 200,
            "conversion": 0.6,
            "conversion_before": 0.4,
            "change_pp": 20.0,
            "contribution_pp": 10.0,
            "mix_pp": 0.0,
            "rate_pp": 10.0,
            "significant": True,
            "share": 0.5,
            "share_before": 0.5,
            "share_p_adjusted": 1.0,
            "share_significant": False,
        }
        assert found["moved"] == 1
        assert p_value == p_adjusted == 0
        assert (nl["contribution_pp"], nl["p_value"], nl["p_adjusted"], nl["significant"]) == (0.0, 1.0, 1.0, False)

    def test_of_a_product_only_its_own_conversion_counts(self):
        mover = self.movers(moved("p1", (40, 200), (10, 100), "product", "Fern"))["movers"][0]
        assert (mover["value"], mover["name"]) == ("p1", "Fern")
        assert (mover["mix_pp"], mover["rate_pp"], mover["contribution_pp"]) == (None, 1.5, 1.5)

    def test_products_that_more_sessions_meet_add_nothing_to_a_change_that_is_none(self):
        rows = [moved(f"p{number}", (150, 300), (100, 200), "product") for number in range(5)]
        level = build([week(0, 1000, 900, 500, 500), week(1, 1000, 900, 500, 500)], movers=rows)["movers"]
        assert {mover["contribution_pp"] for mover in level["movers"]} == {0.0}

    def test_are_the_five_largest_in_either_direction_then_by_name(self):
        changes = {"A": 1, "B": -9, "C": 3, "D": -3, "E": 2, "F": 20, "G": 0}
        rows = [moved(value, (50 + change, 100), (50, 100)) for value, change in changes.items()]
        assert [mover["value"] for mover in self.movers(*rows)["movers"]] == ["F", "B", "C", "D", "E"]
        assert self.movers(*rows)["compared"] == 7
        assert self.movers(*rows) == self.movers(*rows[::-1])

    def test_need_the_interval_too_to_be_more_than_noise(self):
        # The test alone says so (p = 0.049), as in a verdict.
        mover = self.movers(moved("US", (5, 81), (19, 125)))["movers"][0]
        assert mover["p_adjusted"] < 0.05
        assert not mover["significant"]

    def test_are_first_those_that_changed_by_more_than_noise(self):
        rows = [moved(f"p{number}", (55, 100), (50, 100)) for number in range(5)]
        found = self.movers(*rows, moved("US", (1, 30), (20, 30)))["movers"]
        assert [(mover["value"], mover["significant"]) for mover in found][:2] == [("US", True), ("p0", False)]

    def test_are_corrected_for_all_that_was_looked_at_and_not_only_for_what_is_shown(self):
        row = moved("US", (62, 100), (46, 100))
        alone = self.movers(row)["movers"][0]
        assert alone["significant"]
        assert alone["p_adjusted"] == alone["p_value"]
        quiet = [moved(f"p{number}", (50, 100), (50, 100), "product") for number in range(9)]
        among_others = self.movers(row, *quiet)["movers"][0]
        assert among_others["p_value"] == alone["p_value"]
        assert among_others["p_adjusted"] == pytest.approx(10 * alone["p_value"], abs=1e-5)
        assert not among_others["significant"]


class TestFourWeeks:
    """The last four weeks against the four before, for every step."""

    def test_all_sessions_of_four_weeks_count_alike(self):
        weeks = [
            week(0, 100, 80, 50, 40),
            *[week(ago, 10, 8, 5, 5) for ago in (1, 2, 5, 6)],
            week(3, 280, 224, 170, 140),
            week(4, 50, 40, 20, 18),
            week(7, 130, 74, 50, 40),
        ]
        found = build([*weeks, week(8, 1000, 1, 1, 1)])["four_weeks"]
        assert found["weeks"] == 4
        checkout = found["steps"]["checkout"]
        assert (checkout["reached"], checkout["sessions"]) == (230, 400)
        assert (checkout["reached_before"], checkout["sessions_before"]) == (80, 200)
        assert (checkout["conversion"], checkout["conversion_before"]) == (0.575, 0.4)
        assert (checkout["change_pp"], checkout["reading"]) == (17.5, "more_than_noise")
        low, high = checkout["change_interval_pp"]
        assert low < 17.5 < high

    def test_says_since_when(self):
        weeks = [week(ago, 500, 400, 260 if ago < 3 else 200, 200) for ago in range(10)]
        checkout = build(weeks)["four_weeks"]["steps"]["checkout"]
        assert checkout["since"] == {
            "start": "2023-01-11T00:00:00+00:00",
            "end": "2023-01-18T00:00:00+00:00",
            "change_pp": 12.0,
            "p_adjusted": 0.0,
            "compared": 7,
            "significant": True,
        }

    def test_level_weeks_have_no_such_week(self):
        steps = build([week(ago, 500, 400, 200, 200) for ago in range(8)])["four_weeks"]["steps"]
        assert {step["reading"] for step in steps.values()} == {"within_noise"}
        assert {step["since"] is None for step in steps.values()} == {True}

    def test_a_week_that_stands_out_by_chance_is_not_significant(self):
        weeks = [week(ago, 100, 80, 52 if ago == 0 else 45, 40) for ago in range(8)]
        since = build(weeks)["four_weeks"]["steps"]["checkout"]["since"]
        assert since["end"] == "2023-02-01T00:00:00+00:00"
        assert since["p_adjusted"] == 1.0
        assert not since["significant"]

    @pytest.mark.parametrize(
        ("before", "reading"), [(3, "no_comparison"), (29, "too_few_sessions"), (30, "within_noise")]
    )
    def test_under_30_sessions_a_side_or_with_a_week_without_any_nothing_is_said(self, before, reading):
        now = [week(ago, 150, 125, 75, 75) for ago in range(4)]
        # The oldest of the eight weeks has all but three of the sessions before.
        weeks = [*now, *[week(ago, 1, 1, 0, 0) for ago in (4, 5, 6)], week(7, before - 3, before - 3, before // 2, 0)]
        checkout = build(weeks if before > 3 else weeks[:-1])["four_weeks"]["steps"]["checkout"]
        assert checkout["reading"] == reading
        assert (checkout["p_value"] is None) == (reading != "within_noise")
        assert (checkout["since"] is None) == (reading != "within_noise") or before == 30
        assert (checkout["change_pp"] is None) == (reading == "no_comparison")

    def test_enough_sessions_are_no_four_weeks_if_one_of_them_has_none(self):
        weeks = [week(ago, 600, 500, 300 if ago < 4 else 200, 200) for ago in (0, 1, 2, 3, 4)]
        steps = build(weeks)["four_weeks"]["steps"]
        assert {(step["reading"], step["p_value"], step["change_pp"], step["since"]) for step in steps.values()} == {
            ("no_comparison", None, None, None)
        }

    def test_the_change_is_that_of_the_counts(self):
        # As shares of six digits, the two are 6.0937 points apart.
        weeks = [week(ago, 128, 120, 60 if ago < 4 else 52, 40) for ago in range(8)]
        weeks[0] = week(0, 128, 120, 59, 40)
        checkout = build(weeks)["four_weeks"]["steps"]["checkout"]
        assert checkout["change_pp"] == round((239 - 208) / 512 * 100, 4)
        assert checkout["since"]["change_pp"] == checkout["change_pp"]

    def test_a_step_that_is_provisional_in_any_of_the_weeks_is_compared_at_equal_age(self):
        # Only the oldest of the eight weeks still waits for a package; maturity is later than that.
        weeks = [week(ago, 100, 80, 60, 50, by_week_end=20 + ago, waiting=int(ago == 7)) for ago in range(8)]
        steps = build(weeks, maturity_days=90)["four_weeks"]["steps"]
        assert steps["package_shipped"]["at_equal_age"]
        assert (steps["package_shipped"]["reached"], steps["package_shipped"]["reached_before"]) == (86, 102)
        assert not steps["checkout"]["at_equal_age"]
        complete = build(weeks, maturity_days=28)["four_weeks"]["steps"]["package_shipped"]
        assert (complete["at_equal_age"], complete["reached"]) == (False, 200)


def test_the_days_of_all_known_sessions():
    days = {"first_started_at": datetime(2021, 2, 9, 23), "last_started_at": datetime(2021, 2, 10)}
    newer = {"first_started_at": datetime(2021, 2, 11), "last_started_at": datetime(2021, 2, 12, 1)}
    assert build([{**REAL, **days}, {**week(102, 5, 5, 5, 5), **newer}])["session_days"] == {
        "first": "2021-02-09",
        "last": "2021-02-12",
    }
    assert build()["session_days"] is None


class TestMoversShare:
    WEEKS = (week(0, 1000, 900, 500, 500), week(1, 1000, 900, 500, 500))

    def test_a_group_that_grew_by_more_than_chance_moved(self):
        found = build(self.WEEKS, movers=[moved("US", (300, 600), (150, 300)), moved("NL", (150, 300), (150, 300))])
        us, nl = found["movers"]["movers"]
        assert (us["share"], us["share_before"], us["share_significant"], us["significant"]) == (0.6, 0.3, True, False)
        assert not nl["share_significant"]
        assert found["movers"]["moved"] == 1

    def test_a_product_is_no_part_of_all_sessions(self):
        found = build(self.WEEKS, movers=[moved("p1", (300, 600), (150, 300), "product", "Fern")])["movers"]
        (fern,) = found["movers"]
        assert (fern["share"], fern["share_p_adjusted"], fern["share_significant"]) == (None, None, False)
        assert found["moved"] == 0


class TestProvisional:
    def test_until_every_checkout_has_shipped(self):
        assert build([week(0, 10, 8, 5, 4)])["provisional"]["steps"] == ["package_shipped"]
        assert build([week(0, 10, 8, 5, 5)])["provisional"]["steps"] == []

    def test_a_checkout_that_waits_counts_whatever_the_totals_say(self):
        assert build([week(0, 10, 8, 5, 5, waiting=1)])["provisional"]["steps"] == ["package_shipped"]

    def test_says_when_it_will_be_mature(self):
        provisional = build([week(0, 10, 8, 5, 4)], maturity_days=10)["provisional"]
        assert (provisional["maturity_days"], provisional["mature_at"]) == (10, "2023-02-11T00:00:00+00:00")

    def test_of_all_time_is_that_of_its_newest_provisional_week(self):
        weeks = [week(2, 10, 8, 5, 4), week(3, 10, 8, 5, 4), week(9, 10, 8, 5, 4)]
        assert build(weeks)["provisional"]["all_time"] == {
            "steps": ["package_shipped"],
            "mature_at": "2023-02-15T00:00:00+00:00",
        }
        assert build(weeks[2:])["provisional"]["all_time"] == {"steps": [], "mature_at": None}

    @pytest.mark.parametrize(("weeks_ago", "maturity_days", "mature"), [(3, 28, False), (4, 28, True), (4, 29, False)])
    def test_ends_a_number_of_days_after_the_week(self, weeks_ago, maturity_days, mature):
        trend = build([week(weeks_ago, 10, 8, 5, 4)], maturity_days=maturity_days)["trend"]
        assert trend[0]["provisional"] == ([] if mature else ["package_shipped"])

    def test_names_the_newest_mature_week(self):
        weeks = [week(ago, 10, 8, 5, 4) for ago in range(3)] + [week(5, 40, 30, 20, 10), week(6, 10, 8, 5, 5)]
        assert build(weeks)["provisional"]["newest_mature_week"] == {
            "start": "2022-12-21T00:00:00+00:00",
            "end": "2022-12-28T00:00:00+00:00",
            "sessions": 40,
            "package_shipped": 10,
            "conversion": 0.25,
        }

    def test_equal_age_counts_what_shipped_by_each_weeks_own_end(self):
        equal_age = build([week(0, 10, 8, 5, 2), week(1, 20, 11, 9, 8, by_week_end=5)])["provisional"]["equal_age"]
        assert equal_age == {
            "week": {"sessions": 10, "checkout": 5, "package_shipped": 2, "conversion": 0.2},
            "previous_week": {"sessions": 20, "checkout": 9, "package_shipped": 5, "conversion": 0.25},
        }


class TestTrend:
    def test_has_the_last_twelve_weeks_oldest_first(self):
        trend = build([week(ago, 100 + ago, 8, 5, 5) for ago in range(20)])["trend"]
        assert [row["sessions"] for row in trend] == list(range(111, 99, -1))
        assert trend[-1]["end"] == "2023-02-01T00:00:00+00:00"

    def test_starts_with_the_first_week_that_has_a_session_and_keeps_empty_weeks_after_it(self):
        trend = build([week(0, 10, 8, 5, 5), week(3, 20, 8, 5, 5)])["trend"]
        assert [row["sessions"] for row in trend] == [20, 0, 0, 10]
        assert trend[1]["conversion"]["checkout"] is None
        assert trend[1]["equal_age"] == {"package_shipped": None}
        assert trend[0]["conversion"] == {
            "page_view": 1.0,
            "add_to_cart": 0.4,
            "checkout": 0.25,
            "package_shipped": 0.25,
        }

    def test_says_what_had_shipped_by_each_weeks_own_end(self):
        trend = build([week(0, 10, 8, 5, 2), week(1, 20, 11, 9, 8, by_week_end=5)])["trend"]
        assert [row["equal_age"] for row in trend] == [{"package_shipped": 0.25}, {"package_shipped": 0.2}]


class TestOrderChanges:
    def test_counts_every_kind(self):
        kinds = ["new", "new", "status_changed", "details_changed", "removed", "removed", "removed", "returned"]
        changes = [change(str(number), kind) for number, kind in enumerate(kinds)]
        figures = build(changes=changes)["order_changes"]
        assert {kind: figures[kind] for kind in ("total", *order_changes.CHANGES)} == {
            "total": 8,
            "new": 2,
            "status_changed": 1,
            "details_changed": 1,
            "removed": 3,
            "returned": 1,
        }

    def test_are_sorted_by_change_and_order(self):
        changes = [change("b", "removed"), change("c", "new"), change("a", "removed"), change("d", "new")]
        orders = build(changes=changes)["order_changes"]["orders"]
        assert [order["order_id"] for order in orders] == ["c", "d", "a", "b"]

    def test_transitions_count_status_changes_only_most_frequent_first(self):
        changes = [
            change("1", "status_changed", "preparing", "shipped"),
            change("2", "status_changed", "shipped", "delivered"),
            change("3", "status_changed", "shipped", "delivered"),
            change("4", "status_changed", "preparing", None),
            change("5", "status_changed", None, "preparing"),
            change("6", "new", None, "preparing"),
            change("7", "removed", "shipped", None),
            change("8", "details_changed", "shipped", "shipped"),
        ]
        assert build(changes=changes)["order_changes"]["status_transitions"] == [
            {"from": "shipped", "to": "delivered", "orders": 2},
            {"from": None, "to": "preparing", "orders": 1},
            {"from": "preparing", "to": None, "orders": 1},
            {"from": "preparing", "to": "shipped", "orders": 1},
        ]

    def test_name_the_extract_before(self):
        figures = build(previous_as_of=AS_OF - 2 * WEEK)["order_changes"]
        assert (figures["previous_as_of"], figures["weeks_since_previous"]) == ("2023-01-18T00:00:00+00:00", 2)

    def test_of_the_first_extract_have_nothing_before(self):
        figures = build(previous_as_of=None)["order_changes"]
        assert (figures["previous_as_of"], figures["weeks_since_previous"], figures["total"]) == (None, None, 0)


def stuck(status, order_id, days, stays=40, days_95=6.5):
    """Return a row of stuck_orders.sql; of a status in which no order is stuck where there is no order id."""
    day = 86_400_000_000
    return {
        "status": status,
        "stays": stays,
        "microseconds_95": days_95 * day,
        "order_id": order_id,
        "since": AS_OF - timedelta(days=days) if order_id else None,
        "microseconds": days * day if order_id else None,
    }


class TestStuckOrders:
    def test_are_listed_longest_first_with_their_peers(self):
        rows = [
            stuck("preparing", "b", 12),
            stuck("preparing", "a", 12),
            stuck("preparing", "c", 30.26),
            stuck("shipped", None, 0, stays=31, days_95=21),
        ]
        found = build(stuck_orders=rows)["order_changes"]["stuck"]
        assert found == build(stuck_orders=rows[::-1])["order_changes"]["stuck"]
        assert found["total"] == 3
        assert found["peers"] == {
            "preparing": {"orders": 40, "days_95": 6.5},
            "shipped": {"orders": 31, "days_95": 21.0},
        }
        assert [(order["order_id"], order["days"]) for order in found["orders"]] == [("c", 30.3), ("a", 12), ("b", 12)]
        assert found["orders"][1] == {
            "order_id": "a",
            "status": "preparing",
            "since": "2023-01-20T00:00:00+00:00",
            "days": 12.0,
            "days_95": 6.5,
        }

    def test_are_none_without_peers(self):
        assert build()["order_changes"]["stuck"] == {"total": 0, "peers": {}, "orders": []}


def test_the_order_of_rows_does_not_matter():
    weeks = [week(0, 10, 8, 5, 3), week(1, 20, 11, 9, 8), REAL]
    changes = [change("b", "new", None, "preparing"), change("a", "status_changed", "preparing", "shipped")]
    assert to_json(build(weeks, changes)) == to_json(build(weeks[::-1], changes[::-1]))


def test_json_round_trips_and_keeps_text_as_it_is():
    figures = build([REAL], [change("Pflänzchen", "new", None, "preparing")])
    text = to_json(figures)
    assert json.loads(text) == figures
    assert "Pflänzchen" in text
    assert text.endswith("}\n")
