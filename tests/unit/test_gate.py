"""Who may open the pages that Airflow serves, where others are sent, and the headers of every answer."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from airflow.api_fastapi.core_api import security
from fastapi import FastAPI
from greenery.settings import MODELS_PAGE, REPORTS_PAGE
from greenery.web import reports
from greenery.web.gate import Gate
from jwt import InvalidTokenError
from starlette.testclient import TestClient

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
REPORT = f"{REPORTS_PAGE}/2025-01-22/index.html"


class AuthManager:
    """Knows ada, who may see the weekly DAG, and bo, who may not."""

    async def get_user_from_token(self, token):
        if token not in ("ada", "bo"):
            raise InvalidTokenError
        return token

    def is_authorized_dag(self, *, method, access_entity, details, user):
        return user == "ada" and (method, details.id) == ("GET", "greenery_weekly")


@pytest.fixture
def client(home, monkeypatch) -> TestClient:
    monkeypatch.setattr(security, "get_auth_manager", AuthManager)
    monkeypatch.setattr(security, "DagModel", SimpleNamespace(get_team_name=lambda dag_id: None))
    folder = home.reports / "2025-01-22"
    folder.mkdir(parents=True)
    (folder / "index.html").write_text("the report")
    app = FastAPI()
    app.mount(REPORTS_PAGE, reports.build(home))
    app.mount(MODELS_PAGE, models := FastAPI())
    models.get("/greenery/dbt_docs_index.html")(lambda: "the models")
    app.get("/api/v2/version")(lambda: "open")
    app.add_middleware(Gate)
    return TestClient(app, follow_redirects=False)


def as_user(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {name}"}


@pytest.mark.parametrize("path", [REPORT, f"{MODELS_PAGE}/greenery/dbt_docs_index.html"])
def test_only_who_may_see_the_dag_opens_a_page(client, path):
    assert client.get(path).status_code == 401
    assert client.get(path, headers=as_user("bo")).status_code == 403
    assert client.get(path, headers=as_user("ada")).status_code == 200
    assert client.get(path, headers={"Cookie": "_token=ada"}).status_code == 200


@pytest.mark.parametrize("path", [REPORTS_PAGE, f"{REPORTS_PAGE}/", MODELS_PAGE, f"{MODELS_PAGE}/greenery/x.json"])
def test_no_path_below_a_page_is_open(client, path):
    assert client.get(path).status_code == 401


def test_other_paths_are_airflows_own(client):
    answer = client.get("/api/v2/version")
    assert (answer.status_code, answer.headers.get("content-security-policy")) == (200, None)
    assert client.get(f"{MODELS_PAGE}-other").status_code == 404


def test_a_browser_without_a_login_is_sent_there_and_back(client):
    answer = client.get(f"{REPORT}?a=1&b=2", headers=BROWSER)
    assert answer.status_code == 302
    assert answer.headers["location"] == (
        "/api/v2/auth/login?next=%2Fgreenery%2Freports%2F2025-01-22%2Findex.html%3Fa%3D1%26b%3D2"
    )
    # A user who is logged in and may not see it would be sent round in a circle.
    assert client.get(REPORT, headers=BROWSER | as_user("bo")).status_code == 403
    assert client.post(REPORT, headers=BROWSER).status_code == 401


def test_behind_a_proxy_the_way_back_has_its_path(client):
    client.app.root_path = "/airflow"
    answer = client.get(f"/airflow{REPORT}", headers=BROWSER)
    assert answer.headers["location"] == f"/airflow/api/v2/auth/login?next=%2Fairflow{REPORT.replace('/', '%2F')}"
    assert client.get(f"/airflow{REPORT}", headers=as_user("ada")).text == "the report"


@pytest.mark.parametrize("path", [REPORT, f"{MODELS_PAGE}/greenery/dbt_docs_index.html"])
def test_head_answers_as_get_does(client, path):
    shown, asked = (getattr(client, method)(path, headers=as_user("ada")) for method in ("get", "head"))
    assert (asked.status_code, asked.content) == (200, b"")
    assert asked.headers == shown.headers
    assert client.head(path).status_code == 401


@pytest.mark.parametrize("headers", [as_user("ada"), as_user("bo"), {}, BROWSER])
def test_every_answer_has_the_headers(client, headers):
    answer = client.get(REPORT, headers=headers)
    assert answer.headers["cache-control"] == "private, no-cache"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"
    policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    assert (policy["default-src"], policy["frame-ancestors"]) == ("'none'", "'self'")
    assert policy["script-src"].startswith("'sha256-")


def test_the_models_page_may_load_from_nowhere_else(client):
    policy = client.get(MODELS_PAGE).headers["content-security-policy"]
    assert policy.startswith("default-src 'self'; ")
    assert "http" not in policy
    assert "*" not in policy
