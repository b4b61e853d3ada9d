"""Play incidents against real servers and write what they were told into docs/proofs/alerts.md."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pagerduty
from greenery.alerts import sending

from tests.alerting import ALERTS, DAY, Alerting, alerting, check_result
from tests.proofs import commit
from tests.servers.slack import Fault

KEY = f"greenery/{DAY}/sessions_unique"
HEADER = """# One incident, on every channel

Made by `make prove-alerts` at commit `{commit}`: the alerts of a week, sent to a PagerDuty, a Slack and a mail server
on loopback that check what comes in as the real ones do. The lines are the servers' own records. The incident is
`{key}`.
"""


def three_tries(world: Alerting) -> Iterator[tuple[str, Callable[[], object]]]:
    """The week is run three times while the check fails, then a backfill passes, then the week is run again."""
    for number in ("first", "second", "third"):
        yield f"the check fails in the {number} run", lambda: world.run(check_result())
    yield "a backfill of the week fails", lambda: world.run(check_result(), type="backfill")
    yield "a backfill of the week passes", lambda: world.run(check_result(passed=True), type="backfill")
    yield "a scheduled run passes", lambda: world.run(check_result(passed=True))


def a_busy_pagerduty(world: Alerting) -> Iterator[tuple[str, Callable[[], object]]]:
    """PagerDuty answers 429, then 500, then takes it; then it is down for a run, and is told by the next."""
    world.page.faults.extend([429, 500])
    yield "the check fails; PagerDuty is busy twice", lambda: world.run(check_result())
    world.page.faults.extend([500] * 5)
    yield "it fails again; PagerDuty is down", lambda: world.run(check_result())
    world.page.faults.clear()
    yield "the same, tried again", lambda: world.run(check_result())
    yield "it passes", lambda: world.run(check_result(passed=True))


def a_refusing_slack(world: Alerting) -> Iterator[tuple[str, Callable[[], object]]]:
    """The app is not in the alert channel: page and mail go out all the same."""
    world.slack.channels[ALERTS]["is_member"] = False
    yield "the check fails; Slack refuses", lambda: world.run(check_result())
    world.slack.channels[ALERTS]["is_member"] = True
    yield "it fails again; Slack takes it", lambda: world.run(check_result())
    world.slack.faults["chat.update"].append(Fault(500))
    yield "it passes; Slack fails once", lambda: world.run(check_result(passed=True))


CASES = (three_tries, a_busy_pagerduty, a_refusing_slack)


def play(case: Callable) -> list[str]:
    """Play a case; return the rows of its table: what happened, and what each server was told."""
    rows = ["| what happens | PagerDuty | Slack | mail | raised |", "|---|---|---|---|---|"]
    with tempfile.TemporaryDirectory() as folder, alerting(Path(folder)) as world:
        for what, act in case(world):
            pages, calls, mails = len(world.page.calls), len(world.slack.calls), len(world.smtp.mails)
            raised = ""
            try:
                act()
            except sending.NotSentError as error:
                raised = type(error.errors[0]).__name__
            cells = [
                what,
                *("; ".join(told) or "nothing" for told in (
                    [f"{call.action} {call.status}" for call in world.page.calls[pages:]],
                    [call.method for call in world.slack.calls[calls:]],
                    [mail.message["Subject"].split(":")[0] for mail in world.smtp.mails[mails:]],
                )),
                raised,
            ]  # fmt: skip
            rows.append(f"| {' | '.join(cells)} |")
        keys = sorted({call.key for call in world.page.calls})
        saw, end = ", ".join(f"`{key}`" for key in keys), ", ".join(world.page.incidents.values())
        rows += ["", f"Keys that PagerDuty saw: {saw}. At the end: {end}."]
        (message,) = world.slack.messages(ALERTS)
        replies = [reply["text"] for reply in world.slack.thread(message["ts"], ALERTS)]
        rows += [f"Slack shows one message, “{message['text']}”, and in its thread: {'; '.join(replies)}"]
    return rows


def main() -> int:
    """Write the record; end with 1 where an incident was not one, or not resolved."""
    parser = argparse.ArgumentParser(description="Play incidents against real servers.")
    parser.add_argument("--report", type=Path, required=True)
    options = parser.parse_args()
    pagerduty.EventsApiV2Client.sleep_timer = 0.01  # what is waited between tries
    text = [HEADER.format(key=KEY, commit=commit())]
    for case in CASES:
        rows = play(case)
        text += [f"## {case.__name__.replace('_', ' ').capitalize()}", "", case.__doc__ or "", "", *rows, ""]
        if f"saw: `{KEY}`. At the end: resolved." not in "\n".join(rows):
            print(f"{case.__name__}: not one incident that ended resolved", *rows, sep="\n", file=sys.stderr)
            return 1
    options.report.write_text("\n".join(text), encoding="utf-8")
    print(f"wrote {options.report}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
