"""What make targets hand on: the real make runs, with a stand-in for `greenery` that prints what it is given."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys

import pytest
from greenery import commands, settings
from greenery.settings import REPOSITORY, Settings

STAND_IN = f"""#!{sys.executable}
import json, os, sys
folders = {{name: os.environ[name] for name in ("GREENERY_HOME", "GREENERY_EXTRACTS") if name in os.environ}}
print(json.dumps({{"arguments": sys.argv[1:], "folders": folders}}))
"""


@pytest.fixture
def given(tmp_path, monkeypatch):
    """Return what `greenery` is given by a make command, as it is written in a shell; nothing is installed."""
    monkeypatch.delenv("GREENERY_HOME", raising=False)
    monkeypatch.delenv("GREENERY_EXTRACTS", raising=False)
    greenery = tmp_path / "bin" / "greenery"
    greenery.parent.mkdir()
    greenery.write_text(STAND_IN)
    greenery.chmod(0o700)

    def run(command: str) -> dict:
        made = subprocess.run(
            ["bash", "-c", f"{command} --silent --old-file=install BIN={greenery.parent}"],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=False,
        )
        assert made.returncode == 0, made.stderr
        return json.loads(made.stdout)

    return run


@pytest.mark.parametrize("name", ["greenery", "my shop", "it's", "$home", "blå;blomst", '"quoted" (new)'])
@pytest.mark.parametrize("target", ["up", "down"])
def test_a_printed_command_works_on_the_home_it_is_printed_for(given, monkeypatch, tmp_path, target, name):
    home = tmp_path / name
    for printed in (Settings(home, home / "extracts"), Settings(home, tmp_path / f"{name} extracts")):
        greenery = given(commands.make(printed, target))
        assert greenery["arguments"] == [target]
        with monkeypatch.context() as environment:
            for variable, folder in greenery["folders"].items():
                environment.setenv(variable, folder)
            assert settings.load() == printed


def test_folders_are_taken_from_where_make_runs(given):
    greenery = given("make status GREENERY_HOME=state EXTRACTS=../extracts")
    assert greenery["folders"] == {"GREENERY_HOME": "state", "GREENERY_EXTRACTS": "../extracts"}
    assert given("make status")["folders"] == {"GREENERY_HOME": str(REPOSITORY / ".greenery")}


TEXTS = [
    "the shop's holiday",
    "prices in $cents, $(HOME) and $$",
    "$(5 or ${6 each",
    'the "new" shop',
    "a; b && c | d > e",
    "blåbær 🌱",
    "`x` \\ #1",
]


@pytest.mark.parametrize("text", TEXTS)
def test_text_arrives_as_it_was_written(given, text):
    params = shlex.quote(json.dumps({"accept": text}, ensure_ascii=False))
    assert given(f"make backfill FROM=2023-02-01 TO=2023-02-01 PARAMS={params} ARGS=--run-backwards")["arguments"] == [
        *["backfill", "2023-02-01", "2023-02-01", "--params", shlex.split(params)[0], "--run-backwards"]
    ]
    for command, options in (
        ("withdraw AS_OF=2023-02-01 REASON=", ["2023-02-01", "--reason"]),
        ("purge FIND=", ["--find"]),
        ("preview AS_OF=", []),
    ):
        assert given(f"make {command}{shlex.quote(text)}")["arguments"] == [command.split()[0], *options, text]


def test_what_is_not_given_is_empty(given):
    empty = ["backfill", "", "", "--params", ""]
    assert given("make backfill")["arguments"] == empty


def test_options_are_words_of_the_shell(given):
    greenery = given("""make heartbeat ARGS="--airflow 'http://127.0.0.1:8080/?a=\\$b&c'\"""")
    assert greenery["arguments"] == ["heartbeat", "--airflow", "http://127.0.0.1:8080/?a=$b&c"]
