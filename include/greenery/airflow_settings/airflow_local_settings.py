"""What the scheduler imports before LocalExecutor forks, so that no task has to: `import dbt` alone takes seconds.

Airflow imports a module of this name when it starts. Only the scheduler has this folder on its path.
"""

import importlib

__all__: list[str] = []  # nothing here overrides an Airflow setting

for _name in (
    "cosmos",
    "cosmos.operators.local",
    "cosmos.operators.watcher",
    "dbt.adapters.duckdb",
    "dbt.cli.main",
    "duckdb",
):
    importlib.import_module(_name)
