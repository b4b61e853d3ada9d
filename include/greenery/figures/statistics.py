"""Statistics of shares of sessions: intervals, tests, and the parts of a change.

All intervals are 95 % intervals, and all tests use the level 5 %. statsmodels and scipy take a second to import, so
functions import them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

# With fewer sessions on either side, there is no verdict.
ENOUGH_SESSIONS = 30
# With fewer completed stays in a status, no stay is called unusually long.
ENOUGH_PEERS = 30
LEVEL = 0.05
# From here on the normal approximation of the two-proportion test holds; below it the test is exact.
ENOUGH_EXPECTED = 5

MORE_THAN_NOISE = "more_than_noise"
WITHIN_NOISE = "within_noise"
TOO_FEW_SESSIONS = "too_few_sessions"
NO_COMPARISON = "no_comparison"


class Share(NamedTuple):
    """A number of sessions, and the number of them that reached a step."""

    reached: int
    sessions: int

    @property
    def rate(self) -> float:
        """The part of the sessions that reached the step. Raises ZeroDivisionError if there are no sessions."""
        return self.reached / self.sessions


class ChangePoint(NamedTuple):
    """The place in a series at which the two sides differ most.

    place: the index of the first share after the change. before, after: all shares on each side, as one share.
    p_adjusted: the p-value of the difference, corrected for trying all places. compared: the number of these places.
    """

    place: int
    before: Share
    after: Share
    p_adjusted: float
    compared: int


class Contribution(NamedTuple):
    """The part of a change that comes from one group of sessions, in fractions of 1.

    mix: because the group's share of all sessions changed. rate: because its own conversion changed.
    """

    mix: float
    rate: float


def interval(share: Share) -> tuple[float, float] | None:
    """Return the 95 % interval of a share, as fractions of 1; None without sessions.

    Wilson's score interval: E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference",
    JASA 22 (1927), 209-212; method 3 of Newcombe, Statistics in Medicine 17 (1998), 857-872. It stays inside 0 and 1
    and holds at 0 %, at 100 % and with few sessions.
    """
    if not share.sessions:
        return None
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(*share, alpha=LEVEL, method="wilson")
    return float(low), float(high)


def intervals(shares: Sequence[Share]) -> list[tuple[float, float] | None]:
    """Return the interval of each share. It is that of `interval`, but computed for all shares at once."""
    from statsmodels.stats.proportion import proportion_confint

    known = [share for share in shares if share.sessions]
    if not known:
        return [None] * len(shares)
    low, high = proportion_confint(*zip(*known, strict=True), alpha=LEVEL, method="wilson")
    found = iter(zip(map(float, low), map(float, high), strict=True))
    return [next(found) if share.sessions else None for share in shares]


def difference_interval(now: Share, before: Share) -> tuple[float, float] | None:
    """Return the 95 % interval of the share now minus the share before, as fractions of 1.

    None if either has no sessions.

    R. G. Newcombe, "Interval estimation for the difference between independent proportions", Statistics in Medicine 17
    (1998), 873-890, method 10: the two Wilson intervals combined, so it holds where they do.
    """
    return difference_intervals([(now, before)])[0]


def difference_intervals(pairs: Sequence[tuple[Share, Share]]) -> list[tuple[float, float] | None]:
    """Return the interval of each difference, as `difference_interval` does, computed for all pairs at once."""
    import numpy as np
    from statsmodels.stats.proportion import confint_proportions_2indep

    known = [(*now, *before) for now, before in pairs if now.sessions and before.sessions]
    if not known:
        return [None] * len(pairs)
    counts = np.array(known).T
    low, high = confint_proportions_2indep(*counts, compare="diff", method="newcomb", alpha=LEVEL)
    found = iter(zip(map(float, low), map(float, high), strict=True))
    return [next(found) if now.sessions and before.sessions else None for now, before in pairs]


def p_value(now: Share, before: Share) -> float:
    """Return how likely chance alone makes two shares differ at least this much (two-sided). Both need sessions.

    It is the score test with Miettinen's and Nurminen's correction (Statistics in Medicine 4 (1985), 213-226). This is
    the "N - 1" chi-squared test that I. Campbell, Statistics in Medicine 26 (2007), 3661-3675, recommends. If fewer
    than 5 sessions are expected in one of the four cells, also at 0 % and 100 %, it is Fisher's exact test. This limit
    is W. G. Cochran's rule ("Some methods for strengthening the common chi-squared tests", Biometrics 10 (1954),
    417-451).
    """
    reached = now.reached + before.reached
    rarer = min(reached, now.sessions + before.sessions - reached)
    if rarer * min(now.sessions, before.sessions) < ENOUGH_EXPECTED * (now.sessions + before.sessions):
        from scipy.stats import fisher_exact

        table = [[share.reached, share.sessions - share.reached] for share in (now, before)]
        return min(1.0, float(fisher_exact(table).pvalue))
    from statsmodels.stats.proportion import score_test_proportions_2indep

    return float(score_test_proportions_2indep(*now, *before, compare="diff", correction=True).pvalue)


def significance(now: Share, before: Share) -> tuple[float | None, str]:
    """Return the p-value of a change and its reading: one of the four constants above.

    The p-value is None if either side has fewer than 30 sessions.
    """
    if not now.sessions or not before.sessions:
        return None, NO_COMPARISON
    if min(now.sessions, before.sessions) < ENOUGH_SESSIONS:
        return None, TOO_FEW_SESSIONS
    found = p_value(now, before)
    return found, MORE_THAN_NOISE if is_more_than_noise(found, now, before) else WITHIN_NOISE


def is_more_than_noise(p_value: float, now: Share, before: Share) -> bool:
    """Return whether a change with this p-value, corrected or not, is more than noise.

    Two conditions must hold: the p-value is under 5 %, and the interval of the difference excludes 0. The two methods
    can disagree at the very edge.
    """
    interval_of_change = difference_interval(now, before)
    return (
        p_value < LEVEL and interval_of_change is not None and not interval_of_change[0] <= 0 <= interval_of_change[1]
    )


def adjusted(p_values: Sequence[float]) -> list[float]:
    """Return the p-values, in the same order, corrected for testing all of them.

    S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6 (1979),
    65-70. It bounds the probability of calling even one change by mistake, however the values depend on each other:
    here a state is part of its country, and a session meets several products. The procedure of Benjamini and Hochberg
    would find more changes. But it allows a share of them to be wrong, and it needs an assumption about how the values
    depend on each other, which may not hold here.
    """
    # statsmodels has this too, but its function runs the garbage collector. In a large process that takes a hundred
    # times as long.
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    corrected = accumulate((p_values[number] * (len(order) - rank) for rank, number in enumerate(order)), max)
    by_number = dict(zip(order, corrected, strict=True))
    return [min(1.0, by_number[number]) for number in range(len(p_values))]


def total(shares: Sequence[Share]) -> Share:
    """Return the shares of several weeks as one share."""
    return Share(sum(share.reached for share in shares), sum(share.sessions for share in shares))


def change_point(series: Sequence[Share]) -> ChangePoint | None:
    """Return where a series of shares, oldest first, is split into the two sides that differ most.

    None if no split leaves 30 sessions on both sides, or if the sides of every split are equal.

    D. V. Hinkley and E. A. Hinkley, "Inference about the change-point in a sequence of binomial variables", Biometrika
    57 (1970), 477-488: the split with the largest chi-squared statistic, the "maximally selected" one of R. Miller and
    D. Siegmund, Biometrics 38 (1982), 1011-1016. The best of many splits is often good by chance, so its p-value (of
    `p_value`, by statsmodels or scipy) is multiplied by the number of splits: Bonferroni's bound, which K. J. Worsley,
    Biometrika 70 (1983), 455-464, uses for a change in a binomial probability. It holds however the splits depend on
    each other. They overlap, so it is cautious: at times no week is named though the two sides differ.
    """
    whole = total(series)
    sums = list(accumulate(series, lambda left, share: total([left, share])))
    splits = [
        (place, before, Share(whole.reached - before.reached, whole.sessions - before.sessions))
        for place, before in enumerate(sums[:-1], 1)
        # A week without sessions would give the same split twice.
        if series[place].sessions and min(before.sessions, whole.sessions - before.sessions) >= ENOUGH_SESSIONS
    ]
    if not splits:
        return None

    def statistic(split: tuple[int, Share, Share]) -> float:
        # The chi-squared statistic, without a factor that is the same for all splits of a series.
        _, before, after = split
        return (before.rate - after.rate) ** 2 * before.sessions * after.sessions

    place, before, after = best = max(splits, key=statistic)
    if not statistic(best):
        return None
    p_adjusted = min(1.0, len(splits) * p_value(after, before))
    return ChangePoint(place, before, after, p_adjusted, len(splits))


def contribution(now: Share, before: Share, all_now: Share, all_before: Share) -> Contribution:
    """Return how far one group of sessions changes the conversion of all sessions, split into mix and rate.

    now, before: the group. all_now, all_before: all sessions, at least one in each.

    E. M. Kitagawa, "Components of a Difference Between Two Rates", JASA 50 (1955), 1168-1194: with w the group's share
    of all sessions and r its conversion, rate is the change of r at the mean of w, mix the change of w at the mean of
    r. The groups of a partition add up to the change of the whole. The mean r counts from the mean conversion of all,
    so that a growing group with a poor conversion takes away; since the shares add up to 1, this changes no sum.
    For a group that is not part of a partition only the rate has a meaning.
    If a group has no sessions on one side, the conversion of its other side is taken there, so it adds only mix.
    """
    weight_now, weight_before = now.sessions / all_now.sessions, before.sessions / all_before.sessions
    if not now.sessions and not before.sessions:
        return Contribution(0.0, 0.0)
    rate_now = (now if now.sessions else before).rate
    rate_before = (before if before.sessions else now).rate
    centre = (all_now.rate + all_before.rate) / 2
    return Contribution(
        mix=(weight_now - weight_before) * ((rate_now + rate_before) / 2 - centre),
        rate=(rate_now - rate_before) * (weight_now + weight_before) / 2,
    )
