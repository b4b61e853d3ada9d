"""Intervals, tests and decompositions, against the worked examples of the papers that they come from."""

import gc
import random
import subprocess
import sys
from itertools import product

import pytest
from greenery.figures import statistics
from greenery.figures.statistics import Share
from greenery.settings import REPOSITORY
from hypothesis import given, seed, strategies
from statsmodels.stats.multitest import multipletests


class TestInterval:
    @pytest.mark.parametrize(
        ("reached", "sessions", "low", "high"),
        [
            # Newcombe 1998, Statistics in Medicine 17, 857-872, table I, method 3.
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ],
    )
    def test_is_the_published_one(self, reached, sessions, low, high):
        assert statistics.interval(Share(reached, sessions)) == pytest.approx((low, high), abs=0.00005)

    def test_mirrors(self):
        low, high = statistics.interval(Share(29, 29))
        assert (1 - high, 1 - low) == pytest.approx(statistics.interval(Share(0, 29)))

    @pytest.mark.parametrize("sessions", [1, 30, 10**10])
    def test_ends_at_nothing_and_at_all(self, sessions):
        assert statistics.interval(Share(0, sessions))[0] == 0
        assert statistics.interval(Share(sessions, sessions))[1] == 1

    def test_of_no_sessions_is_none(self):
        assert statistics.interval(Share(0, 0)) is None


class TestDifferenceInterval:
    @pytest.mark.parametrize(
        ("now", "before", "low", "high"),
        [
            # Newcombe 1998, Statistics in Medicine 17, 873-890, table II, method 10.
            ((56, 70), (48, 80), 0.0524, 0.3339),
            ((9, 10), (3, 10), 0.1705, 0.8090),
            ((6, 7), (2, 7), 0.0582, 0.8062),
            ((5, 56), (0, 29), -0.0381, 0.1926),
            ((0, 10), (0, 20), -0.1611, 0.2775),
            ((0, 10), (0, 10), -0.2775, 0.2775),
            ((10, 10), (0, 20), 0.6791, 1.0),
            ((10, 10), (0, 10), 0.6075, 1.0),
        ],
    )
    def test_is_the_published_one(self, now, before, low, high):
        found = statistics.difference_interval(Share(*now), Share(*before))
        assert found == pytest.approx((low, high), abs=0.00006)

    def test_needs_sessions_on_both_sides(self):
        assert statistics.difference_interval(Share(0, 0), Share(1, 2)) is None
        assert statistics.difference_interval(Share(1, 2), Share(0, 0)) is None


class TestPValue:
    def test_is_exact_where_little_is_expected(self):
        # Fisher's lady who tastes tea, three of four cups right: 34 of the 70 ways to choose are as far from chance.
        assert statistics.p_value(Share(3, 4), Share(1, 4)) == pytest.approx(34 / 70)

    def test_is_the_n_minus_1_chi_squared_test_elsewhere(self):
        # By hand: 56 of 70 against 48 of 80, chi-squared times 149/150 is 6.97806, whose tail is 0.0082583.
        assert statistics.p_value(Share(56, 70), Share(48, 80)) == pytest.approx(0.0082583, abs=1e-7)

    @pytest.mark.parametrize(("now", "before"), [((0, 30), (0, 40)), ((30, 30), (40, 40)), ((0, 1), (0, 1))])
    def test_of_nothing_or_all_on_both_sides_is_1(self, now, before):
        assert statistics.p_value(Share(*now), Share(*before)) == 1

    def test_of_nothing_against_all_is_as_small_as_that_is_rare(self):
        # Of the 70 ways to choose 4 of 8, one is as it was and one the other way round.
        assert statistics.p_value(Share(0, 4), Share(4, 4)) == pytest.approx(2 / 70)

    def test_holds_for_huge_numbers(self):
        assert statistics.p_value(Share(6 * 10**9, 10**10), Share(12 * 10**9, 2 * 10**10)) == 1
        assert statistics.p_value(Share(6 * 10**9, 10**10), Share(13 * 10**9, 2 * 10**10)) == 0

    @pytest.mark.filterwarnings("error")
    def test_is_one_and_the_same_from_both_sides_and_never_out_of_bounds(self):
        shares = [
            Share(reached, sessions) for sessions in (1, 5, 30, 31, 200) for reached in {0, 1, sessions // 2, sessions}
        ]
        for now, before in product(shares, shares):
            found = statistics.p_value(now, before)
            assert 0 <= found <= 1
            assert found == pytest.approx(statistics.p_value(before, now))
            lost = [Share(share.sessions - share.reached, share.sessions) for share in (now, before)]
            assert found == pytest.approx(statistics.p_value(*lost))

    def test_calls_chance_a_change_in_at_most_about_5_of_100_cases(self):
        # All outcomes of two weeks of 40 sessions with the same true conversion, each with its probability.
        from scipy.stats import binom

        for conversion in (0.02, 0.1, 0.5, 0.9):
            chances = binom.pmf(range(41), 40, conversion)
            wrong = sum(
                chances[now] * chances[before]
                for now, before in product(range(41), range(41))
                if chances[now] * chances[before] > 1e-9
                and statistics.p_value(Share(now, 40), Share(before, 40)) < statistics.LEVEL
            )
            assert wrong < 0.065


class TestVerdict:
    def test_without_sessions_on_a_side_compares_nothing(self):
        assert statistics.significance(Share(0, 0), Share(20, 40)) == (None, "no_comparison")
        assert statistics.significance(Share(20, 40), Share(0, 0)) == (None, "no_comparison")

    def test_under_30_sessions_on_a_side_is_not_given(self):
        assert statistics.significance(Share(29, 29), Share(0, 4000)) == (None, "too_few_sessions")
        assert statistics.significance(Share(0, 4000), Share(29, 29)) == (None, "too_few_sessions")
        assert statistics.significance(Share(30, 30), Share(0, 4000))[1] == "more_than_noise"

    def test_reads_the_p_value_at_5_percent(self):
        assert statistics.significance(Share(56, 70), Share(48, 80))[1] == "more_than_noise"
        assert statistics.significance(Share(54, 70), Share(52, 80))[1] == "within_noise"
        assert statistics.significance(Share(40, 40), Share(50, 50)) == (1.0, "within_noise")

    def test_more_than_noise_asks_for_both_test_and_interval(self):
        for now, before, test_says_yes in (
            (Share(5, 81), Share(19, 125), True),
            (Share(3, 141), Share(8, 105), False),
        ):
            low, high = statistics.difference_interval(now, before)
            found, reading = statistics.significance(now, before)
            assert (found < statistics.LEVEL, low <= 0 <= high) == (test_says_yes, test_says_yes)
            assert reading == "within_noise"


class TestAdjusted:
    def test_is_holms(self):
        # By hand: the smallest times 4, the next times 3, and so on, never below the one before.
        assert statistics.adjusted([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])

    def test_of_one_is_itself_and_of_none_none(self):
        assert statistics.adjusted([0.04]) == pytest.approx([0.04])
        assert statistics.adjusted([]) == []

    def test_ends_at_1(self):
        assert statistics.adjusted([1.0, 0.9, 0.8]) == [1.0, 1.0, 1.0]

    def test_is_that_of_statsmodels(self, monkeypatch):
        # Its collections of garbage take minutes in a process that has Airflow loaded.
        monkeypatch.setattr(gc, "collect", lambda: 0)
        chance = random.Random(1)  # noqa: S311
        for number in range(1, 120):
            p_values = [chance.choice([chance.random(), chance.random() ** 6, 0.01, 0.0, 1.0]) for _ in range(number)]
            expected = multipletests(p_values, alpha=0.05, method="holm")[1]
            assert statistics.adjusted(p_values) == [float(value) for value in expected]


class TestChangePoint:
    """The week from which on a series differs most from what was before."""

    SERIES = (Share(40, 100), Share(41, 100), Share(39, 100), Share(58, 100), Share(60, 100))

    def test_is_where_the_sides_differ_most(self):
        found = statistics.change_point(self.SERIES)
        assert (found.place, found.before, found.after) == (3, Share(120, 300), Share(118, 200))

    def test_its_p_value_is_corrected_for_all_places_that_were_looked_at(self):
        found = statistics.change_point(self.SERIES)
        assert found.compared == 4
        assert found.p_adjusted == pytest.approx(4 * statistics.p_value(found.after, found.before))

    @seed(20230201)
    @given(strategies.lists(strategies.tuples(strategies.integers(0, 50), strategies.just(50)), min_size=2, max_size=8))
    def test_has_the_largest_chi_squared_statistic_of_all_splits(self, counts):
        series = [Share(*count) for count in counts]

        def chi_squared(place):
            sides = [statistics.total(series[:place]), statistics.total(series[place:])]
            reached = statistics.total(sides)
            expected = [side.sessions * part for side in sides for part in (reached.rate, 1 - reached.rate)]
            observed = [part for side in sides for part in (side.reached, side.sessions - side.reached)]
            return sum((seen - wanted) ** 2 / wanted for seen, wanted in zip(observed, expected, strict=True) if wanted)

        found = statistics.change_point(series)
        best = max(map(chi_squared, range(1, len(series))))
        if found is None:
            assert best == pytest.approx(0)
        else:
            assert chi_squared(found.place) == pytest.approx(best)

    def test_needs_enough_sessions_on_both_sides(self):
        assert statistics.change_point([Share(1, 29), Share(90, 100)]) is None
        # The first two weeks together are enough.
        assert statistics.change_point([Share(1, 29), Share(1, 29), Share(90, 100)]).place == 2

    def test_a_week_without_sessions_is_no_place_of_its_own(self):
        found = statistics.change_point([Share(10, 50), Share(0, 0), Share(40, 50)])
        assert (found.place, found.compared) == (2, 1)

    @pytest.mark.parametrize("series", [[], [Share(5, 50)], [Share(5, 50)] * 8, [Share(50, 50)] * 8])
    def test_of_a_level_series_is_none(self, series):
        assert statistics.change_point(series) is None

    def test_chance_alone_is_seldom_called_a_change(self):
        chance = random.Random(20230201)  # noqa: S311 nothing is kept secret here
        found = 0
        for _ in range(400):
            series = [Share(sum(chance.random() < 0.4 for _ in range(120)), 120) for _ in range(8)]
            change = statistics.change_point(series)
            found += change is not None and change.p_adjusted < statistics.LEVEL
        # 20 of 400 at most are expected; 33 or more come by chance in one of 200 trials.
        assert found < 33


def parts():
    """Return a strategy for groups of sessions: reached and sessions, now and before; a group may be empty."""
    share = strategies.integers(0, 500).flatmap(
        lambda sessions: strategies.integers(0, sessions).map(lambda reached: Share(reached, sessions))
    )
    return strategies.lists(strategies.tuples(share, share), min_size=1, max_size=6)


def whole(shares):
    return Share(sum(share.reached for share in shares), sum(share.sessions for share in shares))


class TestContribution:
    @seed(1)
    @given(parts())
    def test_of_a_partition_adds_up_to_the_change_of_all(self, groups):
        all_now, all_before = (whole(side) for side in zip(*groups, strict=True))
        if not all_now.sessions or not all_before.sessions:
            return
        found = [statistics.contribution(*group, all_now, all_before) for group in groups]
        assert sum(mix + rate for mix, rate in found) == pytest.approx(all_now.rate - all_before.rate, abs=1e-12)

    def test_tells_mix_from_rate(self):
        # By hand. US: 60 of 100 at 50 %, then 40 of 100 at 50 %. NL: 40 at 25 %, then 60 at 25 %: only the mix moved.
        all_now, all_before = Share(35, 100), Share(40, 100)
        us = statistics.contribution(Share(20, 40), Share(30, 60), all_now, all_before)
        nl = statistics.contribution(Share(15, 60), Share(10, 40), all_now, all_before)
        # The mean conversion of all is 37.5 %: US is 12.5 points above, NL below. Both move by 20 points.
        assert us == pytest.approx((-0.025, 0))
        assert nl == pytest.approx((-0.025, 0))

    def test_of_a_rate_alone_is_weighted_by_its_share(self):
        all_now, all_before = Share(50, 100), Share(40, 100)
        grown = statistics.contribution(Share(30, 50), Share(20, 50), all_now, all_before)
        assert grown == pytest.approx((0, 0.1))
        level = statistics.contribution(Share(20, 50), Share(20, 50), all_now, all_before)
        assert level == (0, 0)

    def test_of_a_group_that_is_new_is_all_mix(self):
        mix, rate = statistics.contribution(Share(5, 50), Share(0, 0), Share(45, 100), Share(20, 50))
        assert (mix, rate) == (pytest.approx(0.5 * (0.1 - 0.425)), 0)

    def test_of_a_group_without_sessions_is_nothing(self):
        assert statistics.contribution(Share(0, 0), Share(0, 0), Share(1, 2), Share(1, 2)) == (0, 0)


def test_importing_the_figures_loads_no_statistics_library():
    loaded = "[name for name in ('statsmodels', 'scipy') if name in sys.modules]"
    code = f"import greenery.figures.summary, sys; print({loaded})"
    found = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(REPOSITORY / "include")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == "[]"
