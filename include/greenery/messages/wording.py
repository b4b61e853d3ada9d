"""Figures as texts, and the sentences that several media show. All texts are plain: each medium escapes them."""

from __future__ import annotations

import datetime
import math
import re
import unicodedata

from greenery.figures.model import (
    HeadlineVerdict,
    Mover,
    Provisional,
    ProvisionalSteps,
    Rate,
    RecentChange,
    Summary,
)
from greenery.figures.order_model import OrderChange
from greenery.figures.statistics import LEVEL, MORE_THAN_NOISE, NO_COMPARISON, TOO_FEW_SESSIONS

STEP_NAMES = {
    "page_view": "Page view",
    "add_to_cart": "Add to cart",
    "checkout": "Checkout",
    "package_shipped": "Shipped",
}
CHANGE_NAMES = {
    "new": "New",
    "status_changed": "Status changed",
    "details_changed": "Details changed",
    "removed": "Removed",
    "returned": "Returned",
}
DIMENSION_NAMES = {"product": "Product", "country": "Country", "state": "State"}
NOTHING = "\N{EN DASH}"
ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
LONGEST_NAME = 60
# It is as wide as a plus, so figures line up.
MINUS = "\N{MINUS SIGN}"
# It keeps a figure and its unit on one line.
SPACE = "\N{NO-BREAK SPACE}"


def plain(text: object, longest: int = LONGEST_NAME) -> str:
    """Return a text of the shop in one line of at most `longest` characters.

    Control characters become spaces. The text must not change the direction of the text around it. So text from right
    to left is isolated, and marks of direction are removed.
    """
    kept = "".join(" " if unicodedata.category(sign) in ("Cc", "Zl", "Zp") else sign for sign in str(text))
    kept = re.sub(" +", " ", re.sub("[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]", "", kept)).strip()
    if len(kept) > longest:
        # An emoji of several characters is not cut apart, and a letter is not cut from its accents.
        cut = longest - 1
        while cut > longest // 2 and (unicodedata.combining(kept[cut]) or "\u200d" in kept[cut - 1 : cut + 1]):
            cut -= 1
        kept = kept[:cut].rstrip() + ELLIPSIS
    if any(unicodedata.bidirectional(sign) in ("R", "AL", "AN") for sign in kept):
        kept = f"\N{FIRST STRONG ISOLATE}{kept}\N{POP DIRECTIONAL ISOLATE}"
    return kept or NOTHING


def count(number: int, noun: str = "") -> str:
    """Return "1,234", or with a noun "1 session", "1,234 sessions"."""
    plural = "" if number == 1 or not noun else "s"
    return f"{number:,} {noun}{plural}".rstrip().replace("-", MINUS)


def signed(number: int) -> str:
    """Return "+1,234", "-5" (with a real minus) or "0"."""
    return f"{number:+,}".replace("-", MINUS) if number else "0"


def percent(share: float | None) -> str:
    """Return a share of 1 as "62.5%"."""
    return NOTHING if share is None else f"{share:,.1%}".replace("-", MINUS)


def signed_percent(share: float | None) -> str:
    """Return a share of 1 as "+3.2%"."""
    return NOTHING if share is None else _unsigned_zero(f"{share:+,.1%}")


def points(number: float | None) -> str:
    """Return percentage points as "+1.4 pp"."""
    return NOTHING if number is None else _unsigned_zero(f"{number:+.1f}{SPACE}pp")


def size(number: float) -> str:
    """Return percentage points without their sign, as "1.4 pp"."""
    return points(abs(number)).lstrip("+")


def is_seen(number: float) -> bool:
    """Return whether percentage points, written with one decimal, differ from 0.0."""
    return size(number) != size(0)


def points_between(interval: tuple[float, float]) -> str:
    """Return an interval of percentage points as "-2.0 to +4.8 pp".

    A bound that rounds to 0 is written as "just above 0" or "just below 0", because readers want to know on which side
    of 0 it lies. If both bounds round to 0, the text says only how small they are.
    """
    if not any(map(is_seen, interval)):
        return f"less than 0.05{SPACE}pp either way"
    low, high = (
        points(bound) if is_seen(bound) or not bound else f"just {'above' if bound > 0 else 'below'} 0{SPACE}pp"
        for bound in interval
    )
    return f"{low.removesuffix(SPACE + 'pp')} to {high}"


def percent_between(interval: tuple[float, float] | None) -> str:
    """Return an interval of shares of 1 as "58.0-66.0%", with a longer dash."""
    return NOTHING if interval is None else f"{percent(interval[0]).removesuffix('%')}\N{EN DASH}{percent(interval[1])}"


def p_value_text(number: float) -> str:
    """Return a p-value as "p = 0.041". A value that is below the level but rounds to it is "p < 0.05"."""
    if number < 0.001:
        return f"p{SPACE}<{SPACE}0.001"
    if number < LEVEL and f"{number:.3f}" == f"{LEVEL:.3f}":
        return f"p{SPACE}<{SPACE}{LEVEL}"
    return f"p{SPACE}={SPACE}{number:.3f}"


def days(number: float) -> str:
    """Return "7 days" for 6.5. Whole days are enough, because a time in a status is only known to the week."""
    whole = math.floor(number + 0.5)
    return f"{whole:,}{SPACE}{'day' if whole == 1 else 'days'}" if whole else "less than a day"


def duration(seconds: int | None) -> str:
    """Return a time in a suitable unit: "45 s", "2.3 min", "5.0 h", "2.3 days"."""
    if seconds is None:
        return NOTHING
    for unit, length in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:,.1f}{SPACE}{unit}"
    return f"{seconds}{SPACE}s"


def _unsigned_zero(text: str) -> str:
    return text[1:] if text[1:].startswith(("0.0%", f"0.0{SPACE}")) else text.replace("-", MINUS)


def day(moment: datetime.date | str) -> str:
    """Return the day as "1 Feb". moment: a date, a time, or one of them as ISO text."""
    at = datetime.datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return f"{at.day} {at:%b}"


def date(moment: datetime.date | str) -> str:
    """Return the day as "1 Feb 2023". moment: a date, a time, or one of them as ISO text."""
    at = datetime.datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return f"{day(at)} {at.year}"


def scope(summary: Summary) -> str:
    """Return the scope of the funnel that a report shows: `week` or, if the week has no sessions, `all_time`."""
    return "week" if summary.funnel.week.sessions else "all_time"


def is_compared(summary: Summary) -> bool:
    """Return whether the week is compared with the week before: both have at least 30 sessions."""
    return summary.verdict.reading not in (NO_COMPARISON, TOO_FEW_SESSIONS)


def provisional(summary: Summary) -> Provisional | ProvisionalSteps:
    """Return the provisional steps of the shown funnel, and when they are complete at the latest."""
    return summary.provisional if scope(summary) == "week" else summary.provisional.all_time


def headline(summary: Summary) -> str:
    """Return the verdict on the week in one sentence, without its full stop."""
    counts, rates = summary.funnel.of(scope(summary)), summary.rates.of(scope(summary))
    checked_out, conversion = count(counts.checkout), percent(rates.checkout.conversion)
    if scope(summary) == "week":
        change = _against_the_week_before(summary.change.steps.checkout.conversion_pp)
        if summary.verdict.reading == TOO_FEW_SESSIONS:
            change = "too few sessions to compare with the week before"
        recent = summary.four_weeks.steps.checkout
        if is_noteworthy(recent):
            change = f"{change}; the last four weeks are {_up_or_down(recent.change_pp or 0)} on the four before"
        return f"{conversion} of sessions checked out ({checked_out} of {count(counts.sessions)}), {change}"
    if counts.sessions:
        return f"No session started this week; of all {count(counts.sessions)} so far, {conversion} checked out"
    return "No session is known so far"


def _against_the_week_before(change_pp: float | None) -> str:
    if change_pp is None:
        return "with no session the week before to compare with"
    return f"{_up_or_down(change_pp)} {'on' if is_seen(change_pp) else 'with'} the week before"


def _up_or_down(change_pp: float) -> str:
    if not is_seen(change_pp):
        return "level"
    return f"{'up' if change_pp > 0 else 'down'} {size(change_pp)}"


def verdict_sentence(summary: Summary) -> str:
    """Return a sentence that says whether the headline's change is more than noise; empty if there is no change."""
    if summary.verdict.reading == TOO_FEW_SESSIONS:
        return "Under 30 sessions in at least one of the two weeks, so no verdict is given."
    return _likelihood("The change since the week before", summary.verdict)


def _likelihood(change: str, found: HeadlineVerdict | RecentChange) -> str:
    """Return a sentence that says whether a change is more than noise; empty if that is not known.

    change: the subject of the sentence, such as `This change`.
    """
    if found.p_value is None or found.change_pp is None or found.change_interval_pp is None:
        return ""
    likely = f"{p_value_text(found.p_value)}, 95% interval {points_between(found.change_interval_pp)}"
    if found.reading == MORE_THAN_NOISE:
        if not is_seen(found.change_pp):
            return f"{change} is too small to show at one decimal ({likely})."
        return f"Chance alone would rarely produce such a change ({likely})."
    low, high = found.change_interval_pp
    if found.p_value < LEVEL or not low <= 0 <= high:
        return f"{change} is not called more than noise, because test and interval disagree ({likely})."
    return f"{change} could be chance ({likely})."


def is_noteworthy(found: RecentChange) -> bool:
    """Return whether a change of four weeks is more than noise and is visible at one decimal."""
    return found.reading == MORE_THAN_NOISE and is_seen(found.change_pp or 0)


def recent(summary: Summary) -> str:
    """Return sentences that say whether checkout is improving: the last four weeks against the four before.

    They also say since when. Empty if one of these weeks has no session, or if either side has fewer than 30.
    """
    found = summary.four_weeks.steps.checkout
    if found.p_value is None or found.change_pp is None:
        return ""
    now, before = percent(found.conversion), percent(found.conversion_before)
    change = f"{now} checked out, against {before} in the four weeks before ({points(found.change_pp)})"
    sentences = [f"Over the last four weeks {change}.", _likelihood("This change", found)]
    if found.since and since(found):
        corrected = (
            f"{p_value_text(found.since.p_adjusted)}, corrected for trying {count(found.since.compared, 'place')}"
        )
        sentences.append(
            "The eight weeks differ most before and after the start of the week to "
            f"{date(found.since.end)} ({corrected}), so it probably began then."
        )
    return " ".join(sentences)


def since(found: RecentChange) -> str:
    """Return since when a change of four weeks lasts, as "since the week to 5 Feb"; empty if no week stands out."""
    if not (is_noteworthy(found) and found.since and found.since.significant):
        return ""
    # A step can have changed twice in these weeks. Then the larger change can go in the other direction.
    is_the_same = (found.since.change_pp > 0) == ((found.change_pp or 0) > 0)
    return f"since the week to {day(found.since.end)}" if is_the_same else ""


def drop_off(summary: Summary) -> str:
    """Return the largest drop-off of the shown funnel in one or two sentences."""
    most = summary.largest_drop_off.of(scope(summary))
    if most:
        before, step = STEP_NAMES[most.step_before].lower(), STEP_NAMES[most.step].lower()
        lost, lost_pp = count(most.lost, "session"), size(most.lost_pp)
        text = f"The largest drop-off is between {before} and {step}: {lost}, {lost_pp}."
    else:
        text = "No step has fewer sessions than the step before."
    left_out = [STEP_NAMES[step] for step in provisional(summary).steps]
    until = "the week is" if scope(summary) == "week" else "all weeks are"
    return " ".join([text, *(f"{name} is left out until {until} complete." for name in left_out)])


def slowest(summary: Summary) -> str:
    """Return the step that takes longest, in one or two sentences; empty if too few sessions took each step."""
    step = summary.pace.slowest
    if not step:
        return ""
    found = summary.pace.steps.of(step)
    text = (
        f"The slowest step is from {STEP_NAMES[found.step_before].lower()} to {STEP_NAMES[step].lower()}: half of "
        f"the {count(found.sessions, 'session')} that took both steps needed {duration(found.median_seconds)} or less."
    )
    return f"{text} The figure will rise as late parcels ship." if found.provisional else text


def maturity(summary: Summary) -> str:
    """Return how the week's shipments compare with those of the week before while shipping is not finished.

    Empty if both weeks are complete, or if the week has no sessions.
    """
    equal_age, change = summary.provisional.equal_age, summary.change.steps.package_shipped
    if not change.at_equal_age or scope(summary) != "week":
        return ""
    shipped = f"By the end of the week, {percent(equal_age.week.conversion)} of its sessions had shipped"
    before = f"against {percent(equal_age.previous_week.conversion)} the week before ({points(change.conversion_pp)})"
    if summary.provisional.steps:
        compared = f", {before}" if is_compared(summary) else ""
        return f"Shipping isn’t finished. {shipped}{compared}. {newest_mature_week(summary)}"
    if not is_compared(summary):
        return ""
    return (
        "Shipping of the week before isn’t finished, so only shipments before the end of each week are compared. "
        f"{shipped}, {before}."
    )


def newest_mature_week(summary: Summary) -> str:
    """Return a sentence with the share that shipped in the newest week whose shipments are complete."""
    mature = summary.provisional.newest_mature_week
    if not mature:
        return "No week is complete yet."
    return (
        f"The newest complete week, to {date(mature.end)}, has {percent(mature.conversion)} shipped "
        f"({count(mature.package_shipped)} of {count(mature.sessions)})."
    )


def moved(summary: Summary) -> str:
    """Return sentences that say how many products, countries and states moved by more than chance explains."""
    movers = summary.movers
    if not movers.compared:
        return "No product, country or state has 30 sessions in both weeks, so none is compared."
    if movers.compared == 1:
        did = "changed" if movers.moved else "did not change"
        return (
            f"One product, country or state has 30 or more sessions in both weeks. It {did} more than chance explains."
        )
    some = f"{count(movers.moved)} of" if movers.moved else "None of the"
    text = (
        f"{some} {count(movers.compared)} products, countries and states with 30 or more sessions in both weeks "
        f"changed more than chance explains, when {count(movers.compared)} are compared."
    )
    if movers.moved > len(shown_movers(summary)):
        text += " The five largest are listed."
    return f"{text} Groups overlap, so don’t add them up." if movers.moved > 1 else text


def shown_movers(summary: Summary) -> list[Mover]:
    """Return the movers that are listed: those that moved by more than chance explains."""
    return [row for row in summary.movers.movers if row.significant or row.share_significant]


def rate_and_mix(mover: Mover) -> str:
    """Return the contribution of a mover, split into rate and mix, as text; empty if it is only rate."""
    if mover.mix_pp is None or not (mover.share_significant or is_seen(mover.mix_pp)):
        return ""
    return (
        f"{points(mover.rate_pp)} by its own conversion (rate), {points(mover.mix_pp)} by its share of the sessions "
        f"(mix), {percent(mover.share_before)} → {percent(mover.share)}"
    )


def orders_changed(summary: Summary) -> str:
    """Return how many orders changed since the previous extract, and how many are new, as sentences."""
    orders = summary.order_changes
    if not orders.previous_as_of:
        return "This is the first extract, the baseline: changes are counted from the next extract on."
    changed = count(orders.changed, "order") if orders.changed else "No order"
    new = f" {count(orders.new, 'order')} {'is' if orders.new == 1 else 'are'} new." if orders.new else ""
    return f"{changed} changed since the extract of {date(orders.previous_as_of)}.{new}"


def order_group(change: str, status_from: str | None, status_to: str | None) -> str:
    """Return the name of a group of changed orders, such as "preparing → shipped" or "Removed"."""
    if change != "status_changed":
        return CHANGE_NAMES[change]
    return " → ".join(plain(status or "no status") for status in (status_from, status_to))


def order_details(order: OrderChange) -> str:
    """Return the details that a list shows beside an order's id: changed columns, amount (US dollars), products."""
    columns = order.changed_columns if order.change == "details_changed" else None
    amount = None if order.order_total is None else f"{order.order_total:,.2f}".replace("-", MINUS)
    return " · ".join(plain(text, 200) for text in (columns, amount, order.products) if text)


def stuck(summary: Summary) -> str:
    """Return a sentence with the number of stuck orders; empty if none is stuck."""
    total = summary.order_changes.stuck.total
    if not total:
        return ""
    verb, their = ("is", "its") if total == 1 else ("are", "their")
    return f"{count(total, 'order')} {verb} stuck: in {their} status for longer than 95% of the orders that left it."


def lost(rate: Rate) -> str:
    """Return the sessions lost since the step before as "-111 sessions (-19.2 pp)", or "no session lost"."""
    if not rate.lost or rate.lost_pp is None:
        return "no session lost"
    noun = "session" if abs(rate.lost) == 1 else "sessions"
    return f"{signed(-rate.lost)} {noun} ({points(-rate.lost_pp)})"
