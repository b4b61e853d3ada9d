"""The environment of Airflow's processes, and the folder, keys and password that each home has of its own."""

from __future__ import annotations

import base64
import json
import os
import secrets
from pathlib import Path

from greenery.settings import REPORTS_PAGE, REPOSITORY, Settings

USER = "admin"

_PATH = (str(REPOSITORY / "include"), str(REPOSITORY / "include" / "greenery" / "airflow_settings"))


def environment(settings: Settings, port: int, execution_port: int, use_job_schedule: bool = False) -> dict[str, str]:
    """Return the environment of Airflow's processes: defaults < this process's environment < fixed values.

    port: of the UI and API on 127.0.0.1. execution_port: of what tasks report to.

    So any AIRFLOW__* variable that is only a default here can be set from outside, such as
    AIRFLOW__CORE__DAGS_FOLDER. Makes the home's folders and secrets where they are missing.
    """
    home = airflow_home(settings)
    url = f"http://127.0.0.1:{port}"
    secret = _secrets(settings)
    defaults = {
        "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPOSITORY / "plugins"),
        "AIRFLOW__CORE__PARALLELISM": "8",
        "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "120",
        "AIRFLOW__DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT": "180",
        # Parsing costs seconds of a core. Only people who work in the UI edit DAGs while it runs.
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "60" if use_job_schedule else "3600",
        # By default the scheduler sleeps a second between two tasks. Looking more often costs processor time while
        # nothing runs: seldom in the Airflow of a command, for days in one that stays.
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "1" if use_job_schedule else "0.05",
        # A task's process may end after it has closed its connections. Its supervisor then sleeps until the next
        # heartbeat, five seconds by default (Airflow 3.3.2).
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        # Tasks of an Airflow that was killed are taken up again within a minute instead of five.
        "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "15",
        # An Airflow that ends with its command is not an address to give away.
        **({"GREENERY_REPORTS_URL": f"{url}{REPORTS_PAGE}"} if use_job_schedule else {}),
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "AIRFLOW__COSMOS__ENABLE_TELEMETRY": "False",
        "AIRFLOW__COSMOS__CACHE_DIR": str(home / "cosmos"),
        # Cosmos serves dbt's documentation of the models, which `make install` makes.
        "AIRFLOW__COSMOS__DBT_DOCS_PROJECTS": json.dumps(
            {"greenery": {"dir": str(REPOSITORY / "include" / "dbt" / "target"), "name": "Models"}}
        ),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "False",
        "GX_ANALYTICS_ENABLED": "False",
        "SCARF_ANALYTICS": "False",
        "DO_NOT_TRACK": "1",
    }
    required = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW_CONFIG": str(home / "airflow.cfg"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__FERNET_KEY": secret["fernet_key"],
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{execution_port}/execution/",
        "AIRFLOW__CORE__AUTH_MANAGER": (
            "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"
        ),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords_file(settings)),
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__SECRET_KEY": secret["api_secret_key"],
        "AIRFLOW__API_AUTH__JWT_SECRET": secret["jwt_secret"],
        "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": str(use_job_schedule),
        "GREENERY_HOME": str(settings.home),
        "GREENERY_EXTRACTS": str(settings.extracts),
        "GREENERY_REPORTS": str(settings.reports_in or ""),
        "GREENERY_SOURCE": settings.source,
        "PYTHONPATH": os.pathsep.join(filter(None, (*_PATH, os.environ.get("PYTHONPATH")))),
        # Tasks talk to the api-server, which a proxy does not see.
        "NO_PROXY": ",".join(filter(None, ("127.0.0.1", os.environ.get("NO_PROXY")))),
        "no_proxy": ",".join(filter(None, ("127.0.0.1", os.environ.get("no_proxy")))),
    }
    return {**defaults, **os.environ, **required}


def passwords_file(settings: Settings) -> Path:
    """The JSON file with the password of the user `admin`."""
    return settings.home / "airflow" / "passwords.json"


def airflow_home(settings: Settings) -> Path:
    """Make the folder for Airflow's own state, which only its owner may read, and return it."""
    home = settings.home / "airflow"
    for folder in (settings.home, home, home / "logs"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return home


def _secrets(settings: Settings) -> dict[str, str]:
    """Return the keys and the password of this home, which are made up once."""
    file = airflow_home(settings) / "secrets.json"
    if not file.exists():
        keys = {
            "jwt_secret": secrets.token_urlsafe(64),
            "api_secret_key": secrets.token_urlsafe(64),
            "fernet_key": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        }
        write_private(file, json.dumps(keys))
    if not passwords_file(settings).exists():
        write_private(passwords_file(settings), json.dumps({USER: secrets.token_urlsafe(16)}))
    found: dict[str, str] = json.loads(file.read_text())
    return found


def write_private(file: Path, text: str) -> None:
    """Replace the file in one step. Only its owner may read the new one."""
    new = file.with_suffix(".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as output:
        output.write(text)
    new.replace(file)


def password(settings: Settings) -> str:
    """Return the password of the user `admin`, which is made up once."""
    _secrets(settings)
    return str(json.loads(passwords_file(settings).read_text())[USER])
