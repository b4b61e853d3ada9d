"""The digests that the tests of all media render."""

from __future__ import annotations

from greenery.messages import digest
from greenery.messages.digest import Links

from tests.unit import summaries

LINKS = Links(
    run="https://airflow.example/runs/1",
    report="https://reports.example/2023-02-01/index.html",
    funnel="https://reports.example/2023-02-01/index.html#funnel",
)
HELD_WEEKS = ({"as_of": "2023-01-18", "reason": "sessions_unique: found twice"},)

DIGESTS = {
    "normal": digest.build(summaries.NORMAL, summaries.PASSED, None, LINKS),
    "warned": digest.build(summaries.NORMAL, summaries.WARNED, None, LINKS),
    "first": digest.build(summaries.FIRST, summaries.PASSED, None, LINKS),
    "empty": digest.build(summaries.EMPTY, summaries.WARNED, None, LINKS),
    "gap": digest.build(summaries.GAP, summaries.PASSED, None, LINKS, HELD_WEEKS),
    "restated": digest.build(summaries.NORMAL, summaries.PASSED, summaries.RESTATEMENT, LINKS),
    "provisional": digest.build(summaries.PROVISIONAL, summaries.ACCEPTED, None, LINKS),
    "zero": digest.build(summaries.ZERO, None, None, Links()),
    "huge": digest.build(summaries.HUGE, summaries.PASSED, None, LINKS),
    "hostile": digest.build(
        summaries.HOSTILE,
        summaries.quality(
            summaries.check(summaries.SLACK_MARKUP, False, meaning=summaries.MARKUP, severity="warning"),
            summaries.check("accepted", False, accepted=True),
            verdict="accepted",
            accepted={"reason": summaries.LINES, "checks": ["accepted"]},
        ),
        None,
        Links(run='https://airflow.example/?a=1&b="><script>', report="/home/<user>/reports & more/index.html"),
        tuple({"as_of": f"2023-01-{day:02}", "reason": summaries.SLACK_MARKUP} for day in range(18, 25)),
    ),
}
BEFORE = {"summary": summaries.NORMAL_BEFORE, "badge": DIGESTS["restated"].content["badge"]}
CORRECTION = digest.correction(DIGESTS["restated"], BEFORE)
