"""A home whose alerts go to a Slack, a mail server and a PagerDuty on loopback, for tests and the proof of alerts."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from greenery.alerts import incidents
from greenery.alerts.incidents import Outcome
from greenery.messages import alert
from greenery.messages.alert import Alert, Run, TaskFailure
from greenery.messages.check_results import CheckResults
from greenery.settings import Settings, load

from tests.servers.pagerduty import ROUTING_KEY, PagerDuty, running_pagerduty
from tests.servers.slack import SlackServer
from tests.servers.smtp import SmtpServer

WEEK = datetime(2025, 1, 22)
DAY = "2025-01-22"
ALERTS, DIGESTS = "C0ALERTS01", "C0GREENERY1"
HELD = {"quality": "failed", "publish": "upstream_failed", "release_warehouse": "success"}
GOOD = {"quality": "success", "publish": "success", "report": "success"}


def check_result(name: str = "sessions_unique", **changes) -> dict:
    """Return a check as quality.json has it, failed and critical."""
    return {
        "check": name,
        "relation": "fct_sessions",
        "severity": "critical",
        "owner": "web-team",
        "meaning": "Every session is one row of fct_sessions.",
        "runbook": f"docs/runbook.md#{name}",
        "passed": False,
        "accepted": False,
        "silenced": None,
        "told_by": None,
        "observed": "27 of 430 rows fail",
        "expected": "each session_id once",
        "rows": 430,
        "failing_rows": 27,
        "examples": [{"session_id": f"s{number}", "email": "asa@example.com"} for number in range(9)],
    } | changes


def quality(week: str, *checks: dict, verdict: str = "held") -> dict:
    """Return the content of a week's quality.json."""
    return {
        "as_of": f"{week}T00:00:00+00:00",
        "verdict": verdict,
        "accepted": None,
        "checks": list(checks),
        "landing_warnings": [],
    }


def of_checks(quality: dict, earlier: Sequence[dict], run: Run, log: str = "", **options) -> list[Alert]:
    """Return the alerts of a week's quality.json with the advice that the gate gives."""
    found, *before = map(CheckResults.model_validate, (quality, *earlier))
    return alert.of_checks(found, before, run, log, incidents.advice_for(found), **options)


@dataclass
class Alerting:
    """A home and the servers that its alerts go to."""

    slack: SlackServer
    smtp: SmtpServer
    page: PagerDuty
    runs: list[str] = field(default_factory=list)

    @property
    def settings(self) -> Settings:
        """The settings as the environment says."""
        return load()

    def run(self, *checks: dict, type: str = "scheduled", tells: bool | None = None) -> list[Alert]:
        """Settle a run that judged the week with these checks: held where a critical one fails, else passed."""
        held = any(not found["passed"] and found["severity"] == "critical" for found in checks)
        judged(self.settings, *checks, verdict="held" if held else "passed")
        self.runs.append(f"{type}__{len(self.runs) + 1}")
        outcome = Outcome(
            run=incidents.run_of(self.settings, WEEK, self.runs[-1], type, f"https://airflow.example/{self.runs[-1]}"),
            states=HELD if held else GOOD,
            failures=[TaskFailure(task="quality", reason="HeldError", log="https://airflow.example/log")]
            if held
            else [],
            judged=True,
        )
        return incidents.update(self.settings, outcome, WEEK, type != "backfill" if tells is None else tells)


def judged(settings: Settings, *checks: dict, verdict: str = "held") -> None:
    """Write the week's quality.json."""
    folder = settings.report_folder(WEEK)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "quality.json").write_text(json.dumps(quality(DAY, *checks, verdict=verdict)), encoding="utf-8")


@contextmanager
def alerting(folder: Path) -> Iterator[Alerting]:
    """Yield a home with servers for all channels, in an environment that names them; it is restored afterwards."""
    before = dict(os.environ)
    slack = SlackServer(channels={name: {"name": name, "is_member": True} for name in (ALERTS, DIGESTS)})
    with slack, SmtpServer(folder) as smtp, running_pagerduty() as page:
        extra = {"base_url": page.url}
        os.environ.update(
            GREENERY_HOME=str(folder / "home"),
            GREENERY_EXTRACTS=str(folder / "extracts"),
            GREENERY_SLACK_CHANNEL=DIGESTS,
            GREENERY_EMAIL_TO="ada@shop.example",
            GREENERY_EMAIL_FROM="Greenery weekly <weekly@shop.example>",
            GREENERY_ALERT_CHANNEL=ALERTS,
            GREENERY_ALERT_EMAIL_TO="oncall@shop.example",
            AIRFLOW_CONN_GREENERY_SLACK=slack.connection,
            AIRFLOW_CONN_GREENERY_EMAIL=smtp.connection(),
            AIRFLOW_CONN_GREENERY_SLACK_ALERTS=slack.connection,
            AIRFLOW_CONN_GREENERY_EMAIL_ALERTS=smtp.connection(),
            AIRFLOW_CONN_GREENERY_PAGERDUTY=json.dumps(
                {"conn_type": "pagerduty_events", "password": ROUTING_KEY, "extra": extra}
            ),
            SSL_CERT_FILE=str(smtp.ca),
        )
        try:
            yield Alerting(slack, smtp, page)
        finally:
            os.environ.clear()
            os.environ.update(before)
