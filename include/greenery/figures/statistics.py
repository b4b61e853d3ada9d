"""Statistics of shares of sessions: intervals, tests, and the parts of a change. 95 % and 5 % throughout.

statsmodels and scipy take a second to import, so functions import them.
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
        """The share of the sessions; there must be one."""
        return self.reached / self.sessions


class ChangePoint(NamedTuple):
    """The place in a series at which the two sides differ most.

    place: of the first share after the change. p_adjusted: its p-value, corrected for looking at all places.
    compared: the number of places that were looked at.
    """

    place: int
    before: Share
    after: Share
    p_adjusted: float
    compared: int


class Contribution(NamedTuple):
    """The part of a change that one group of sessions adds, in fractions of 1."""

    mix: float
    rate: float


def interval(share: Share) -> tuple[float, float] | None:
    """Return the 95 % interval of a share; None without sessions.

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
    """Return the interval of each share, as `interval` does, in the time of one."""
    from statsmodels.stats.proportion import proportion_confint

    known = [share for share in shares if share.sessions]
    if not known:
        return [None] * len(shares)
    low, high = proportion_confint(*zip(*known, strict=True), alpha=LEVEL, method="wilson")
    found = iter(zip(map(float, low), map(float, high), strict=True))
    return [next(found) if share.sessions else None for share in shares]


def difference_interval(now: Share, before: Share) -> tuple[float, float] | None:
    """Return the 95 % interval of the share now minus the share before; None where either has no sessions.

    R. G. Newcombe, "Interval estimation for the difference between independent proportions", Statistics in Medicine 17
    (1998), 873-890, method 10: the two Wilson intervals combined, so it holds where they do.
    """
    if not now.sessions or not before.sessions:
        return None
    from statsmodels.stats.proportion import confint_proportions_2indep

    low, high = confint_proportions_2indep(*now, *before, compare="diff", method="newcomb", alpha=LEVEL)
    return float(low), float(high)


def p_value(now: Share, before: Share) -> float:
    """Return how likely two shares are to differ at least so much when nothing but chance is at work; two-sided.

    The score test with Miettinen's and Nurminen's correction (Statistics in Medicine 4 (1985), 213-226), which is the
    "N - 1" chi-squared test that I. Campbell, Statistics in Medicine 26 (2007), 3661-3675, recommends. Where fewer than
    5 sessions are expected in any of the four cells, at 0 % and 100 % too, it is Fisher's exact test, after W. G.
    Cochran's rule ("Some methods for strengthening the common chi-squared tests", Biometrics 10 (1954), 417-451).
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
    """Return the p-value of a change and how to read it; no p-value where too little is there to judge it."""
    if not now.sessions or not before.sessions:
        return None, NO_COMPARISON
    if min(now.sessions, before.sessions) < ENOUGH_SESSIONS:
        return None, TOO_FEW_SESSIONS
    found = p_value(now, before)
    return found, MORE_THAN_NOISE if is_more_than_noise(found, now, before) else WITHIN_NOISE


def is_more_than_noise(p_value: float, now: Share, before: Share) -> bool:
    """Return whether a change with this p-value, corrected or not, is more than noise.

    That asks for both: a p-value under 5 % and an interval of the difference that leaves out 0. They are two methods,
    and at the very edge only one of them may say so.
    """
    interval_of_change = difference_interval(now, before)
    return (
        p_value < LEVEL and interval_of_change is not None and not interval_of_change[0] <= 0 <= interval_of_change[1]
    )


def adjusted(p_values: Sequence[float]) -> list[float]:
    """Return the p-values of one table corrected for looking at all of them, in their order.

    S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6 (1979),
    65-70. It bounds the chance that anything at all is called a change by mistake, however the values depend on each
    other: here a state is part of its country, and a session meets several products. Benjamini and Hochberg's procedure
    would find more, but lets a share of what it finds be wrong, and asks for a kind of dependence that is not assured.
    """
    # statsmodels has it too, but collects garbage each time: in a large process that takes a hundred times as long.
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    corrected = accumulate((p_values[number] * (len(order) - rank) for rank, number in enumerate(order)), max)
    by_number = dict(zip(order, corrected, strict=True))
    return [min(1.0, by_number[number]) for number in range(len(p_values))]


def total(shares: Sequence[Share]) -> Share:
    """Return the shares of several weeks as one."""
    return Share(sum(share.reached for share in shares), sum(share.sessions for share in shares))


def change_point(series: Sequence[Share]) -> ChangePoint | None:
    """Return where a series of shares, oldest first, is split into the two sides that differ most.

    None where no split leaves enough sessions on both sides, or all sides are equal.

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
        # The chi-squared statistic but for a factor that all splits of a series share.
        _, before, after = split
        return (before.rate - after.rate) ** 2 * before.sessions * after.sessions

    place, before, after = best = max(splits, key=statistic)
    if not statistic(best):
        return None
    p_adjusted = min(1.0, len(splits) * p_value(after, before))
    return ChangePoint(place, before, after, p_adjusted, len(splits))


def contribution(now: Share, before: Share, all_now: Share, all_before: Share) -> Contribution:
    """Return the part of a change of the conversion of all that one group of a partition adds, split into mix and rate.

    E. M. Kitagawa, "Components of a Difference Between Two Rates", JASA 50 (1955), 1168-1194: with w the group's share
    of all sessions and r its conversion, rate is the change of r at the mean of w, mix the change of w at the mean of
    r. The groups of a partition add up to the change of the whole. The mean r counts from the mean conversion of all,
    so that a growing group with a poor conversion takes away; since the shares add up to 1, this changes no sum.
    For a group that is not part of a partition only the rate has a meaning.
    A group without sessions on one side has the conversion of the other side there: all it adds is mix.
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
