"""The API of the funnel page keeps what its OpenAPI description says, whatever is asked."""

from __future__ import annotations

import pytest
import schemathesis
from airflow.api_fastapi.core_api import security as airflow_security
from airflow.models import DagModel
from greenery.settings import Settings
from greenery.web.funnel import app as web
from hypothesis import given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.bench.funnel_page import publish
from tests.unit.test_funnel_page import AuthManager

LOGIN = {"Authorization": "Bearer reader"}
PATHS = (
    *("options", "funnel", "over-time", "breakdown", "times", "sessions", "order-changes", "status"),
    *("sessions/{session_id}", "orders/{order_id}"),
)


@pytest.fixture(scope="module")
def description(tmp_path_factory):
    home = tmp_path_factory.mktemp("funnel")
    publish(home, 300)
    app = web.build(Settings(home=home, extracts=home / "extracts"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(airflow_security, "get_auth_manager", AuthManager)
        patch.setattr(DagModel, "get_team_name", lambda _: None)
        yield schemathesis.openapi.from_asgi("/api/openapi.json", app, headers=LOGIN)


def test_every_path_is_asked(description):
    assert {operation.ok().path for operation in description.get_all_operations()} == {f"/api/{path}" for path in PATHS}


@pytest.mark.parametrize("path", PATHS)
def test_answers_are_as_described(description, path):
    @settings(max_examples=40, deadline=None)
    @given(description[f"/api/{path}"]["GET"].as_strategy())
    def holds(case):
        # Which days, products and places there are is not part of the description: the answer 422 names them.
        case.call_and_validate(headers=LOGIN, excluded_checks=[positive_data_acceptance])

    holds()
