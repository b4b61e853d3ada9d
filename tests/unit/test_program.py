"""The program `greenery`: how it explains itself, and that each of its commands can be reached from anywhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from greenery.cli import status
from greenery.cli.app import app
from greenery.local_airflow.client import AirflowError
from typer.main import get_command

from tests.program import greenery

COMMANDS = get_command(app).commands
NAMED_BY_ITS_END = "named by the day it ends"


@pytest.mark.parametrize("name", COMMANDS)
def test_help_explains_a_command_with_an_example(name, capsys):
    assert greenery(name, "--help") == 0
    assert f"Example: greenery {name}" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["backfill", "withdraw", "preview", "simulate"])
def test_a_date_is_explained_where_a_command_takes_one(name, capsys):
    assert greenery(name, "--help") == 0
    words = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert NAMED_BY_ITS_END in words


def interrupt():
    raise KeyboardInterrupt


def refuse():
    raise AirflowError("Airflow does not answer.")


@pytest.mark.parametrize(
    ("load", "code", "said"), [(interrupt, 130, "Interrupted.\n"), (refuse, 1, "Airflow does not answer.\n")]
)
def test_what_stops_a_command_is_said_in_one_line(monkeypatch, capsys, load, code, said):
    monkeypatch.setattr(status, "load", load)
    assert greenery("status") == code
    assert capsys.readouterr().err == said


@pytest.fixture
def somewhere(tmp_path, monkeypatch):
    """An environment and a folder that know nothing of the repository."""
    monkeypatch.chdir(tmp_path)
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def program(env, *arguments, **more):
    installed = Path(sys.executable).with_name("greenery")
    return subprocess.run(
        [installed, *arguments], env={**env, **more}, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_installed_command_runs_in_any_folder(somewhere, tmp_path):
    ended = program(somewhere, "status", GREENERY_HOME=str(tmp_path / "home"))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert f"make backfill FROM=… TO=… GREENERY_HOME={tmp_path / 'home'}" in ended.stdout


def test_the_shell_completes_commands_and_options(somewhere):
    completion = {"_GREENERY_COMPLETE": "complete_bash", "COMP_CWORD": "1"}
    assert program(somewhere, COMP_WORDS="greenery with", **completion).stdout.split() == ["withdraw"]
    completion["COMP_CWORD"] = "2"
    assert "--reextract" in program(somewhere, COMP_WORDS="greenery backfill --re", **completion).stdout.split()
