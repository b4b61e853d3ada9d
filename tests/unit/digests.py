"""The digests that the tests of all media render."""

from __future__ import annotations

from greenery.messages import chart, correction, digest
from greenery.messages.digest_parts import Links
from greenery.messages.week_state import WeekState

from tests.unit import summaries

LINKS = Links(
    run="https://airflow.example/runs/1",
    report="https://reports.example/2023-02-01/index.html",
    funnel="https://airflow.example/greenery/funnel/?as_of=2023-02-01&period=1w",
)


def held_week(as_of, reason=None):
    return WeekState(as_of=as_of, state="held", reason=reason)


HELD_WEEKS = (held_week("2023-01-18", "sessions_unique: found twice"),)
# One for all: drawing takes longer than all else.
PICTURE = chart.to_png(chart.report_spec(summaries.NORMAL))


def build(figures, quality, restatement, links, held_weeks=()):
    """Return a digest whose report has a picture."""
    return digest.build(figures, quality, restatement, links, held_weeks, PICTURE)


DIGESTS = {
    "normal": build(summaries.NORMAL, summaries.PASSED, None, LINKS),
    "warned": build(summaries.NORMAL, summaries.WARNED, None, LINKS),
    "first": build(summaries.FIRST, summaries.PASSED, None, LINKS),
    "empty": build(summaries.EMPTY, summaries.WARNED, None, LINKS),
    "gap": build(summaries.GAP, summaries.PASSED, None, LINKS, HELD_WEEKS),
    "restated": build(summaries.NORMAL, summaries.PASSED, summaries.RESTATEMENT, LINKS),
    "provisional": build(summaries.PROVISIONAL, summaries.ACCEPTED, None, LINKS),
    "zero": build(summaries.ZERO, None, None, Links()),
    "huge": build(summaries.HUGE, summaries.PASSED, None, LINKS),
    "hostile": build(
        summaries.HOSTILE,
        summaries.quality(
            summaries.check(summaries.SLACK_MARKUP, False, meaning=summaries.MARKUP, severity="warning"),
            summaries.check("accepted", False, accepted=True),
            verdict="accepted",
            accepted={"reason": summaries.LINES, "checks": ["accepted"]},
        ),
        None,
        Links(
            run='https://airflow.example/?a=1&b="><script>',
            report="/home/<user>/reports & more/index.html",
            funnel="https://airflow.example/greenery/funnel/?as_of=2023-02-01&period=1w",
        ),
        tuple(held_week(f"2023-01-{day:02}", summaries.SLACK_MARKUP) for day in range(18, 25)),
    ),
}
BEFORE = {"summary": summaries.NORMAL_BEFORE.document(), "badge": DIGESTS["restated"].content["badge"]}
CORRECTION = correction.correction_of(DIGESTS["restated"], BEFORE)
