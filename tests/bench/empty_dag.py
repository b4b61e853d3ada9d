"""A DAG of the weekly one's shape whose tasks do nothing: what a run costs Airflow itself.

The benchmark copies this file into the folder of DAGs, with the weekly DAG's shape beside it as `shape.json`.
"""

import json
from datetime import datetime
from pathlib import Path

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG

DAG_ID = "empty_weekly"


def nothing() -> None:
    """Do nothing."""


with DAG(DAG_ID, schedule=None, start_date=datetime(2000, 1, 1)):
    shape = json.loads(Path(__file__).with_name("shape.json").read_text(encoding="utf-8"))
    tasks = {
        name: EmptyOperator(task_id=name, trigger_rule=task["trigger_rule"])
        if task["is_empty"]
        else PythonOperator(task_id=name, python_callable=nothing, pool=task["pool"], trigger_rule=task["trigger_rule"])
        for name, task in shape.items()
    }
    for name, task in shape.items():
        tasks[name].set_upstream([tasks[upstream] for upstream in task["upstream"]])
