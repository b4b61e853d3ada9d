"""What Snowflake refuses: each message says what to do, nothing is half-written, and tasks try again what can help."""

from __future__ import annotations

from datetime import datetime

import httpx
import pytest
from airflow.sdk import RetryAction
from greenery.build import locking
from greenery.cli import doctor
from greenery.landing import ledger, loading
from greenery.orchestration.retries import UNLESS_REFUSED
from greenery.warehouse import snowflake as warehouse
from greenery.warehouse.access import connect
from greenery.warehouse.connection import RefusedError, UnavailableError, rows, transaction
from greenery.warehouse.snowflake_errors import explained
from snowflake.connector.errors import ProgrammingError

from tests.conftest import small_shop, write_extract

AS_OF = datetime(2023, 1, 11)
ROLE = "greenery_pipeline"


@pytest.fixture
def home(home_on_snowflake, snowflake, tmp_path):
    write_extract(tmp_path / "extracts" / "2023-01-11", small_shop())
    yield home_on_snowflake(tmp_path / "extracts")
    snowflake.refuse({})


def refusal(home) -> UnavailableError:
    with pytest.raises(UnavailableError) as found, connect(home):
        pass
    return found.value


def is_tried_again(error: BaseException) -> bool:
    return UNLESS_REFUSED.evaluate(error, 1, 3).action is not RetryAction.FAIL


def test_a_wrong_account_and_a_wrong_password_are_not_tried_again(home, snowflake):
    snowflake.use(account="acne")
    error = refusal(home)
    assert "there is no Snowflake account 'acne'" in str(error)
    assert "<organisation>-<account>" in str(error)
    assert not is_tried_again(error)
    snowflake.use(password="a-wrong-canary")
    error = refusal(home)
    assert "refuses the login of greenery" in str(error)
    assert "Incorrect username or password" in str(error)
    assert "a-wrong-canary" not in str(error)
    assert not is_tried_again(error)


def test_a_server_that_does_not_answer_is_tried_again(home, snowflake, monkeypatch):
    monkeypatch.setattr(warehouse, "CONNECT_SECONDS", 1)
    snowflake.use(port=1)
    error = refusal(home)
    assert "does not answer" in str(error)
    assert is_tried_again(error)


def test_the_doctor_prints_the_statement_that_adds_what_is_missing(home, snowflake):
    def says(**extra: str) -> str:
        found = doctor._warehouse(home)
        assert found.state == doctor.BAD
        return found.says

    snowflake.use(role=ROLE, database="shop")
    denied = "SQL access control error:\nInsufficient privileges to operate on"
    snowflake.refuse({"create database": (3001, f"{denied} account 'ACME'")})
    assert f"create database if not exists shop; grant usage, create schema on database shop to role {ROLE};" in says()
    snowflake.refuse({"create schema": (3001, f"{denied} database 'SHOP'")})
    assert f"grant usage, create schema on database shop to role {ROLE};" in says()
    snowflake.refuse({"create table": (3001, f"{denied} schema 'LANDING'")})
    assert f"grant ownership on schema landing to role {ROLE} copy current grants;" in says()
    snowflake.refuse({"create table": (606, "No active warehouse selected in the current session.")})
    assert f"grant usage, operate on warehouse greenery to role {ROLE};" in says()
    snowflake.refuse({})
    assert doctor._warehouse(home).state == doctor.GOOD


def test_the_doctor_tries_the_virtual_warehouse_of_the_models(home, snowflake, monkeypatch):
    snowflake.use(role=ROLE)
    monkeypatch.setenv("GREENERY_HOME", str(home.home))
    monkeypatch.setenv("GREENERY_SNOWFLAKE_MODELS_WAREHOUSE", "large")
    settings = doctor.load()
    assert doctor._warehouse(settings).state == doctor.GOOD
    gone = "Object does not exist, or operation cannot be performed."
    snowflake.refuse({"use warehouse large": (2043, gone)})
    found = doctor._warehouse(settings)
    assert found.state == doctor.BAD
    assert f"grant usage, operate on warehouse large to role {ROLE};" in found.says
    monkeypatch.setenv("GREENERY_SNOWFLAKE_MODELS_WAREHOUSE", "large; drop table x")
    assert "no plain name" in doctor._warehouse(doctor.load()).says


def test_a_dropped_table_of_landed_rows_is_not_replaced_by_an_empty_one(home):
    loading.land(home, AS_OF)
    with connect(home) as connection:
        connection.execute("drop table landing.events")
    error = refusal(home)
    assert "landing.events is gone, and landing.addresses holds rows" in str(error)
    assert "undrop table landing.events;" in str(error)
    assert not is_tried_again(error)


def test_tables_that_a_first_run_did_not_get_to_are_made(home):
    with connect(home) as connection:
        connection.execute("drop table landing.events")
    assert loading.land(home, AS_OF).outcome == "landed"


def test_a_session_that_ends_in_the_middle_leaves_nothing_and_is_tried_again(home, snowflake):
    """The landing's last statement before its commit is refused, and so is all that follows, as Snowflake does it."""
    gone = (390111, "Session no longer exists. New login required to access the service.")
    snowflake.refuse({"insert into landing.extracts": gone})
    with pytest.raises(UnavailableError, match="Nothing of an open transaction is kept: run the task again") as error:
        loading.land(home, AS_OF)
    assert is_tried_again(error.value)
    snowflake.refuse({})
    with connect(home) as connection:
        assert ledger.newest(connection, AS_OF) is None
        assert rows(connection, "select * from landing.orders") == []
    assert loading.land(home, AS_OF).outcome == "landed"


def delete_in_a_session_that_is_killed(connection, port: int) -> None:
    token = {"Authorization": f'Snowflake Token="{connection.raw.rest.token}"'}
    with transaction(connection):
        connection.execute("delete from landing.extracts")
        httpx.post(f"http://127.0.0.1:{port}/session?delete=true", headers=token, trust_env=False).raise_for_status()
        connection.execute("delete from landing.orders")


def test_a_session_that_is_killed_in_a_transaction_leaves_nothing(home, snowflake, monkeypatch):
    monkeypatch.setattr(warehouse, "STATEMENT_SECONDS", 2)
    loading.land(home, AS_OF)
    with connect(home) as connection, pytest.raises(UnavailableError, match="ended the session"):
        delete_in_a_session_that_is_killed(connection, snowflake.port)
    with connect(home) as connection:
        assert locking.acquire(connection, "run", AS_OF, lambda _: False)


def test_a_statement_may_take_as_long_as_the_session_says(home):
    """The connector cancels what takes longer than its own limit."""
    with connect(home) as connection:
        assert connection.raw.network_timeout >= warehouse.SESSION["STATEMENT_TIMEOUT_IN_SECONDS"]


@pytest.mark.parametrize(
    ("number", "says", "tried_again"),
    [
        (394300, "JWT token is invalid.", False),
        (390189, "Role 'GREENERY_PIPELINE' specified in the connect string is not granted to this user.", False),
        (390201, "The requested warehouse does not exist or not authorized.", False),
        (
            90073,
            "Warehouse 'GREENERY' cannot be resumed because resource monitor 'GREENERY' has exceeded its quota.",
            False,
        ),
        (2003, "SQL compilation error:\nObject 'GREENERY.MARTS.FCT_SESSIONS' does not exist or not authorized.", False),
        (390114, "Authentication token has expired. The user must authenticate again.", True),
    ],
)
def test_each_refusal_says_what_to_do(number, says, tried_again):
    session = {"account": "acme", "user": "greenery", "role": ROLE, "warehouse": "greenery"}
    error = explained(ProgrammingError(msg=says, errno=number), session)
    assert is_tried_again(error) == tried_again
    assert says.splitlines()[-1] in str(error)
    assert str(error) != says


def test_an_error_in_a_statement_keeps_its_own_message():
    session = {"account": "acme", "user": "greenery", "role": ROLE, "warehouse": "greenery"}
    assert explained(ProgrammingError(msg="SQL compilation error: syntax error", errno=1003), session) is None
    assert isinstance(RefusedError(""), UnavailableError)
