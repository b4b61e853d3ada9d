"""What an outside monitor is told when the newest digest is not out, or Airflow does not work."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

from greenery import commands
from greenery.channels import sent
from greenery.channels.reference import Reference
from greenery.cli import heartbeat
from greenery.delivery import lateness
from greenery.local_airflow.server import unhealthy
from greenery.settings import Settings

from tests.program import greenery

WEEK = datetime(2025, 1, 22)
BEFORE, AFTER = datetime(2025, 1, 22, 11, 59, tzinfo=UTC), datetime(2025, 1, 22, 12, 0, tzinfo=UTC)


@contextmanager
def airflow(parts: dict, status: int = 200) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status if self.path == "/api/v2/monitor/health" else 404)
            self.end_headers()
            self.wfile.write(json.dumps(parts).encode())

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def report(home: Settings, as_of: datetime) -> None:
    folder = home.report_folder(as_of)
    folder.mkdir(parents=True)
    (folder / "summary.json").write_text("{}")


def send(home: Settings, as_of: datetime) -> None:
    with sent.sending(home, "digest", f"{as_of:%Y-%m-%d}", "slack", "content") as sending:
        sending.finish(Reference(channel="C1", ts="1"))


def test_a_week_is_late_from_its_deadline_on(home):
    report(home, datetime(2025, 1, 15))
    assert lateness.late(home, BEFORE) == []
    (line,) = lateness.late(home, AFTER)
    due = "was due on 2025-01-22 12:00 UTC (its extract is not landed)"
    assert line.startswith(f"the report of the week to 2025-01-22 is not out, and {due}")


def test_a_report_without_any_channel_for_its_digest_is_enough(home):
    send(home, datetime(2025, 1, 15))  # on a channel that was switched off since
    report(home, WEEK)
    assert lateness.late(home, AFTER) == []


def test_a_digest_that_is_owed_is_not_out(home):
    report(home, WEEK)
    sent.owe(home, WEEK, "half of it is sent", ["slack"])
    assert "the digest of the week to 2025-01-22 is not out" in lateness.late(home, AFTER)[0]
    send(home, WEEK)
    assert lateness.late(home, AFTER) == []


def test_a_week_that_no_run_began_is_owed_once_it_is_late_and_the_command_delivers_it(home):
    lateness.late(home, BEFORE)
    assert not sent.owed(home, WEEK)
    (line,) = lateness.late(home, AFTER)
    where = f"GREENERY_HOME={home.home}"
    assert f"make backfill FROM=2025-01-22 TO=2025-01-22 {where}" in line
    assert """PARAMS='{"deliver": "always"}'""" in line
    # A backfill without that parameter delivers it as well, and until then the week stays late.
    report(home, WEEK)
    assert sent.owed(home, WEEK, "slack")
    assert lateness.late(home, AFTER) != []


def test_a_held_week_says_why(home):
    home.reports.mkdir(parents=True)
    weeks = [{"as_of": "2025-01-22", "state": "held", "reason": "sessions_unique: 3 of 100 rows fail"}]
    (home.reports / "weeks.json").write_text(json.dumps(weeks))
    assert "(its extract is held: sessions_unique: 3 of 100 rows fail)" in lateness.late(home, AFTER)[0]


def test_an_unhealthy_part_of_airflow_is_named(home):
    parts = {
        "metadatabase": {"status": "healthy"},
        "scheduler": {"status": "unhealthy", "latest_scheduler_heartbeat": "2025-01-22T03:00:00+00:00"},
        "triggerer": {"status": None, "latest_triggerer_heartbeat": None},
    }
    with airflow(parts) as address:
        assert unhealthy(home, address) == [
            "Airflow's scheduler is unhealthy, last heard of at 2025-01-22T03:00:00+00:00"
        ]
    with airflow({"scheduler": {"status": "healthy"}}) as address:
        assert unhealthy(home, address) == []


def test_an_airflow_that_does_not_answer_or_run_is_said(home):
    with airflow({}, status=500) as address:
        assert f"Airflow at {address} does not answer" in unhealthy(home, address)[0]
    assert f"Airflow at {address} does not answer" in unhealthy(home, address)[0]
    assert unhealthy(home) == [
        f"no Airflow runs for {home.home}: start it with {commands.make(home, 'up')}, or name it with --airflow"
    ]


def test_the_command_ends_by_what_it_finds(home, monkeypatch, capsys):
    monkeypatch.setenv("GREENERY_HOME", str(home.home))
    assert greenery("heartbeat", "--airflow", "http://127.0.0.1:1") == 1
    assert "is not out" in capsys.readouterr().out
    monkeypatch.setattr(heartbeat, "problems", lambda *_: [])
    assert greenery("heartbeat") == 0
    assert capsys.readouterr().out == "all is well\n"
