"""A home with a report to deliver, a Slack and a mail server to deliver it to, and ways to kill who delivers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from greenery.channels import sent
from greenery.channels.channel import CHANNELS
from greenery.delivery import delivering
from greenery.documents import to_json
from greenery.figures import restatement
from greenery.settings import REPOSITORY, Settings, load

from tests.servers.slack import CHANNEL, SlackServer
from tests.servers.smtp import SmtpServer
from tests.unit.digests import PICTURE
from tests.unit.test_summary import build, change, week

AS_OF = datetime(2023, 2, 1)
WEEK = "2023-02-01"
READERS = ("ada@shop.example", "bo@shop.example")


@dataclass
class World:
    """Where a case of delivery is played."""

    folder: Path
    slack: SlackServer
    smtp: SmtpServer
    children: list[subprocess.Popen] = field(default_factory=list)

    @property
    def settings(self) -> Settings:
        """The settings as the environment says."""
        return load()

    def set(self, **variables: str) -> None:
        """Set environment variables for this process and the next children; an empty one is unset."""
        os.environ.update(variables)
        for name in [name for name, value in variables.items() if not value]:
            del os.environ[name]

    def report(self, checkouts: int = 60) -> None:
        """Write the week's report; another number of checkouts is other content."""
        changes = [change("o1", "status_changed", "preparing", "shipped", "status")]
        figures = build([week(0, 100, 80, checkouts, 10), week(1, 100, 70, 50, 40)], changes)
        folder = self.settings.report_folder(AS_OF)
        folder.mkdir(parents=True, exist_ok=True)
        before = folder / "summary.json"
        if before.exists():
            changed = restatement.compare(json.loads(before.read_text(encoding="utf-8")), figures)
            (folder / "restatement.json").write_text(to_json(changed), encoding="utf-8")
        (folder / "funnel.png").write_bytes(PICTURE)
        before.write_text(to_json(figures), encoding="utf-8")

    def deliver(self, channel: str, mode: str = "always", *, is_scheduled: bool = False) -> str:
        """Deliver the week's digest in this process; return what it says."""
        return delivering.deliver(self.settings, AS_OF, CHANNELS[channel], mode, is_scheduled=is_scheduled)

    def start(self, channel: str) -> subprocess.Popen:
        """Deliver the week's digest in a process of its own."""
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.delivery.child", channel],
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": f"{REPOSITORY / 'include'}:{REPOSITORY}"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.children.append(child)
        return child

    def killed(self, channel: str, at: str) -> None:
        """Deliver in a process of its own that is killed once the call `at` has taken effect, before its answer."""

        def kill() -> None:
            self.children[-1].send_signal(signal.SIGKILL)
            self.children[-1].wait()

        if channel == "slack":
            self.slack.hooks[at] = kill
        else:
            self.smtp.on_mail = kill
        child = self.start(channel)
        output = child.communicate(timeout=120)[0]
        self.smtp.on_mail = lambda: None
        assert child.returncode == -signal.SIGKILL, output

    def owed(self, channel: str) -> bool:
        """Whether the week's digest is owed on the channel."""
        return sent.owed(self.settings, AS_OF, channel)


@contextmanager
def world(folder: Path, *, report: bool = True) -> Iterator[World]:
    """Yield a world whose environment is set, with the week's report written if so wished; restore the environment."""
    before = dict(os.environ)
    with SlackServer() as slack, SmtpServer(folder) as smtp:
        made = World(folder, slack, smtp)
        made.set(
            GREENERY_HOME=str(folder / "home"),
            GREENERY_EXTRACTS=str(folder / "extracts"),
            GREENERY_SLACK_CHANNEL=CHANNEL,
            GREENERY_EMAIL_TO=", ".join(READERS),
            GREENERY_EMAIL_FROM="Greenery weekly <weekly@shop.example>",
            AIRFLOW_CONN_GREENERY_SLACK=slack.connection,
            AIRFLOW_CONN_GREENERY_EMAIL=smtp.connection(),
            SSL_CERT_FILE=str(smtp.ca),
        )
        if report:
            made.report()
        try:
            yield made
        finally:
            for child in made.children:
                if child.poll() is None:
                    child.kill()
                    child.wait()
            os.environ.clear()
            os.environ.update(before)
