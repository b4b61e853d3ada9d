"""How figures are written, and the sentences that more than one medium shows. Plain text: escape it for the medium."""

from __future__ import annotations

from datetime import datetime

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
NOTHING = "\N{EN DASH}"
# As wide as a plus, so that figures line up.
MINUS = "\N{MINUS SIGN}"


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
    return NOTHING if number is None else _unsigned_zero(f"{number:+.1f} pp")


def _unsigned_zero(text: str) -> str:
    return text[1:] if text[1:].startswith(("0.0%", "0.0 ")) else text.replace("-", MINUS)


def day(moment: str) -> str:
    """Return the day of an ISO time as "1 Feb"."""
    at = datetime.fromisoformat(moment)
    return f"{at.day} {at:%b}"


def date(moment: str) -> str:
    """Return the day of an ISO time as "1 Feb 2023"."""
    return f"{day(moment)} {moment[:4]}"


def scope(summary: dict) -> str:
    """Return which funnel a report shows: that of the week or, where it has no sessions, of all time."""
    return "week" if summary["funnel"]["week"]["sessions"] else "all_time"


def headline(summary: dict) -> str:
    """Return the verdict on the week in one sentence, without its full stop."""
    counts, rates = summary["funnel"][scope(summary)], summary["rates"][scope(summary)]
    checked_out, conversion = count(counts["checkout"]), percent(rates["checkout"]["conversion"])
    if scope(summary) == "week":
        change = _against_the_week_before(summary["change"]["steps"]["checkout"]["conversion_pp"])
        return f"{conversion} of sessions checked out ({checked_out} of {count(counts['sessions'])}), {change}"
    if counts["sessions"]:
        return f"No session started this week; of all {count(counts['sessions'])} so far, {conversion} checked out"
    return "No session is known so far"


def _against_the_week_before(change_pp: float | None) -> str:
    if change_pp is None:
        return "with no session the week before to compare with"
    size = points(abs(change_pp)).lstrip("+")
    if size == "0.0 pp":
        return "level with the week before"
    return f"{'up' if change_pp > 0 else 'down'} {size} on the week before"


def drop_off(summary: dict) -> str:
    """Return the largest drop-off of the shown funnel in one or two sentences."""
    most = summary["largest_drop_off"][scope(summary)]
    if most:
        before, step = STEP_NAMES[most["from"]].lower(), STEP_NAMES[most["to"]].lower()
        lost, lost_pp = count(most["lost"], "session"), points(most["lost_pp"]).lstrip("+")
        text = f"The largest drop-off is between {before} and {step}: {lost}, {lost_pp}."
    else:
        text = "No step has fewer sessions than the step before."
    provisional = [STEP_NAMES[step] for step in summary["provisional"]["steps"] if scope(summary) == "week"]
    return " ".join([text, *(f"{name} is not counted here while it is provisional." for name in provisional)])


def lost(rate: dict) -> str:
    """Return what a step lost since the step before as "-111 sessions (-19.2 pp)", or "no session lost"."""
    if not rate["lost"]:
        return "no session lost"
    noun = "session" if abs(rate["lost"]) == 1 else "sessions"
    return f"{signed(-rate['lost'])} {noun} ({points(-rate['lost_pp'])})"


SCOPE_NAMES = {"week": "This week", "previous_week": "The week before", "all_time": "All time"}


def restated_counts(restatement: dict) -> list[tuple[str, object, object]]:
    """Return the counts of restatement.json that differ as name, value before and value now; other figures follow."""
    counts = []
    for figure in restatement["figures"]:
        part, *path = figure["figure"].split(".")
        if part == "funnel":
            name = f"{SCOPE_NAMES[path[0]]}: {STEP_NAMES.get(path[1], path[1]).lower()}"
        elif part == "order_changes" and path[0] in CHANGE_NAMES:
            name = f"Orders: {CHANGE_NAMES[path[0]].lower()}"
        else:
            continue
        counts.append((name, figure["old"], figure["new"]))
    return counts
