"""A stand-in for Snowflake: fakesnow, over HTTP, with the real connector, Airflow's hook and dbt's adapter."""

from __future__ import annotations

import itertools
import json
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from greenery.build.dbt_project import PROFILES
from greenery.settings import REPOSITORY, Settings

from tests.snowflake.server import ACCOUNT, PASSWORD

PROFILE = PROFILES / "profiles.yml"


def of_the_profile() -> set[str]:
    """Return the variables by which dbt's profile reads the connection."""
    return set(re.findall(r"(?:GREENERY|DBT_ENV_SECRET)_SNOWFLAKE_\w+", PROFILE.read_text(encoding="utf-8")))


class Snowflake:
    """The server of a test session. statements: the file with each statement that it was sent."""

    def __init__(self, port: int, statements: Path, patch: pytest.MonkeyPatch) -> None:
        self.port, self.statements = port, statements
        self._patch = patch
        self._numbers = itertools.count(1)

    def use(self, password: str = PASSWORD, **extra: object) -> None:
        """Let `greenery_warehouse` lead to a database of its own, which is not there yet."""
        given = {"account": ACCOUNT, "database": f"greenery_{next(self._numbers)}", "warehouse": "greenery"}
        given |= {"host": "127.0.0.1", "port": self.port, "protocol": "http", **extra}
        connection = {"conn_type": "snowflake", "login": "greenery", "password": password, "extra": given}
        self._patch.setenv("AIRFLOW_CONN_GREENERY_WAREHOUSE", json.dumps(connection))

    def refuse(self, refusals: dict[str, tuple[int, str]]) -> None:
        """From now on refuse statements; refusals: a pattern of the statement, number and message of the error."""
        self.statements.with_name("refused.json").write_text(json.dumps(list(refusals.items())), encoding="utf-8")

    def logins(self) -> set[tuple[str, str]]:
        """Return who has logged in, and the virtual warehouse that was named."""
        lines = self.statements.with_name("logins.jsonl").read_text(encoding="utf-8").splitlines()
        return {(made["by"], made["warehouse"]) for made in map(json.loads, lines)}

    def sent(self) -> list[str]:
        """Return the statements that it was sent, each once."""
        lines = self.statements.read_text(encoding="utf-8").splitlines()
        return list(dict.fromkeys(json.loads(line) for line in lines))


@pytest.fixture(scope="module")
def snowflake(tmp_path_factory) -> Iterator[Snowflake]:
    """A running server, to which the connection leads until the module's tests end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    statements = tmp_path_factory.mktemp("snowflake") / "statements.jsonl"
    statements.touch()
    command = [sys.executable, "-m", "tests.snowflake.server", str(port), str(statements)]
    with (
        subprocess.Popen(
            command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as server,
        pytest.MonkeyPatch.context() as patch,
    ):
        assert server.stdin
        assert server.stdout
        assert server.stdout.readline() == "ready\n"
        # What dbt's profile reads is set by the tests' own dbt, and restored here.
        for name in of_the_profile():
            patch.setenv(name, "")
        patch.setenv("GREENERY_TARGET", "snowflake")
        found = Snowflake(port, statements, patch)
        found.use()
        yield found
        server.stdin.close()


@pytest.fixture
def home_on_snowflake(snowflake, tmp_path) -> Callable[[Path], Settings]:
    """Settings of a home whose warehouse is an empty database."""
    snowflake.use()
    return lambda extracts: Settings(home=tmp_path / "home", extracts=extracts, target="snowflake")
