"""The acceptance on an account runs on its stand-in too, and drops the database that it made, and no other."""

from __future__ import annotations

import json
import os
from datetime import datetime

import pytest
from greenery.simulator.shop import Shop, simulate
from greenery.warehouse.connection import UnavailableError

from tests.pipeline import passing_gate
from tests.snowflake import verify

# The stand-in lacks SYSTEM$WAIT, GRANT and Time Travel.
NOT_IN_FAKESNOW = {
    "a_long_statement_is_not_cut_off": "system$wait",
    "grants_stay": "GRANT|grant",
    "a_rollback_reads_the_past": "data_retention_time_in_days",
}


@pytest.mark.prove
@pytest.mark.timeout(1800)
def test_the_acceptance_on_the_stand_in(snowflake, tmp_path, monkeypatch, capsys):
    simulate(Shop(first_as_of=datetime(2025, 1, 8), weeks=2, sessions_per_week=60), tmp_path / "extracts")
    monkeypatch.setenv("AIRFLOW_CONN_GREENERY_WAREHOUSE", os.environ["AIRFLOW_CONN_GREENERY_WAREHOUSE"])
    with passing_gate():
        wrong = verify.verify(tmp_path / "extracts")
    said = capsys.readouterr().out
    assert wrong.keys() == NOT_IN_FAKESNOW.keys(), said
    scratch = json.loads(os.environ["AIRFLOW_CONN_GREENERY_WAREHOUSE"])["extra"]["database"]
    assert f"The database {scratch} is dropped." in said
    assert "_verify_" in scratch
    sent = snowflake.sent()
    assert [text for text in sent if "drop database" in text.lower()] == [f"drop database {scratch}"]


def test_an_account_that_can_not_be_reached_fails_the_first_step(snowflake, tmp_path, monkeypatch, capsys):
    snowflake.use(account="")
    monkeypatch.setenv("AIRFLOW_CONN_GREENERY_WAREHOUSE", os.environ["AIRFLOW_CONN_GREENERY_WAREHOUSE"])
    with pytest.raises(UnavailableError, match="lacks account"):
        verify.verify(tmp_path)
    assert "FAIL doctor finds nothing to fix" in capsys.readouterr().out
