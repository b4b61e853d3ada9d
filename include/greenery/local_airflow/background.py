"""The Airflow of `make up`: a process in the background that runs it with scheduling until `make down`."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import NoReturn

from greenery import commands
from greenery.local_airflow.client import AirflowError
from greenery.local_airflow.environment import USER, airflow_home, passwords_file
from greenery.local_airflow.processes import STOP_SECONDS, exit_on_signals, kill
from greenery.local_airflow.progress import starting
from greenery.local_airflow.server import attach, free_port, lock, owner, running, running_airflow
from greenery.settings import DAG_ID, SettingError, Settings, load

UI_PORT = 8080


def up(settings: Settings, port: int) -> None:
    """Start Airflow in the background, with its UI on 127.0.0.1, and print where it is.

    Scheduling is on, but a new DAG is paused, as everywhere in Airflow: unpausing it starts the run of the newest
    week, which waits for its extract and pages when that does not come. So that is for the user to do.
    """
    if running(settings) is None:
        log = airflow_home(settings) / "logs" / "up.log"
        with log.open("w") as output:
            daemon = subprocess.Popen(
                [sys.executable, "-m", "greenery.local_airflow.background", str(port)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, "GREENERY_HOME": str(settings.home), "GREENERY_EXTRACTS": str(settings.extracts)},
            )
        with starting(settings) as show_step:
            step = ""
            while not (found := running(settings)) or not found.ready:
                if daemon.poll() is not None:
                    raise AirflowError(log.read_text().strip())
                if found and found.step != step:
                    step = found.step
                    show_step(step)
                time.sleep(0.2)
    elif attach(settings):
        print("Airflow is already running.")
    if airflow := attach(settings):
        print(f"Airflow:  {airflow.base_url}")
        print(f"User:     {USER}, password in {passwords_file(settings)}")
        if airflow.request("GET", f"dags/{DAG_ID}")["is_paused"]:
            print(f"{DAG_ID} is paused: unpause it there to run it every week, the newest week first.")
        print(f"`{commands.make(settings, 'down')}` stops it.")


def serve(settings: Settings, port: int) -> NoReturn:
    """Run Airflow, with scheduling, until a signal comes or one of its processes ends (AirflowError)."""
    with running_airflow(settings, use_job_schedule=True, port=free_port(port), shared=True) as airflow:
        while True:
            airflow.check()
            airflow.pause_if_left()
            time.sleep(1)


def down(settings: Settings) -> None:
    """Stop the Airflow that `up` started for this home, and all that is left of one that was killed."""
    found = running(settings)
    if found is None:
        print(f"No Airflow runs for {settings.home}.")
        return
    if starter := owner(found):
        if not found.shared:
            raise AirflowError(f"Another command (process {starter.pid}) started it: end that command, and it stops.")
        starter.terminate()
    try:
        lock(settings, patience=2 * STOP_SECONDS if starter else 0).close()
    except AirflowError:
        kill(found.sessions)
        lock(settings).close()
    print(f"Stopped the Airflow of {settings.home}.")


if __name__ == "__main__":  # what `up` starts in the background
    exit_on_signals()
    try:
        serve(load(), int(sys.argv[1]))
    except (AirflowError, SettingError) as error:
        sys.exit(str(error))
