"""The funnel page: who may see what, what a browser may do with it, and bad input."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
import sys
from datetime import date

import pytest
from airflow.api_fastapi.core_api import security as airflow_security
from airflow.models import DagModel
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from greenery.messages.week_state import WeekState
from greenery.publishing import reading
from greenery.settings import DAG_ID, Settings
from greenery.web.funnel import app as web
from greenery.web.funnel import notes, security
from greenery.web.funnel.notes import NotesError
from jwt import InvalidTokenError

from tests import javascript
from tests.bench.funnel_page import publish as publish_large

API = (
    "options",
    "funnel",
    "over-time",
    "breakdown",
    "times",
    "sessions",
    "order-changes",
    "status",
    "openapi.json",
    "charts",
)
FILES = sorted(f"static/{path.name}" for path in web.PAGE.iterdir() if path.name != "index.html")
PAGES = ("", "nothing-here")
ROLES = {"nobody": None, "without the right": "outsider", "with the right": "reader"}


class AuthManager:
    """Knows two tokens; only one of their users may see the weekly DAG."""

    async def get_user_from_token(self, token: str) -> str:
        if token not in ROLES.values():
            raise InvalidTokenError
        return token

    def is_authorized_dag(self, *, method, access_entity=None, details, user) -> bool:
        return user == "reader" and (method, access_entity, details.id) == ("GET", None, DAG_ID)


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Settings:
    """A home with a small published version of the benchmark's shop."""
    folder = tmp_path_factory.mktemp("funnel")
    publish_large(folder, 900)
    (folder / "cache").mkdir()
    web.bundle_of(Settings(home=folder, extracts=folder)).write_text("// the libraries of the charts")
    return Settings(home=folder, extracts=folder / "extracts")


@pytest.fixture(scope="module")
def app(home) -> FastAPI:
    return web.build(home)


@pytest.fixture
def client(app, monkeypatch) -> TestClient:
    """A client of the app, which is mounted as Airflow does it."""
    monkeypatch.setattr(airflow_security, "get_auth_manager", AuthManager)
    monkeypatch.setattr(DagModel, "get_team_name", lambda _: None)
    airflow = FastAPI()
    airflow.mount("/greenery/funnel", app)
    return TestClient(airflow, base_url="http://testserver/greenery/funnel", follow_redirects=False)


@pytest.fixture
def reader(client) -> TestClient:
    """The same, logged in."""
    client.cookies.set("_token", "reader")
    return client


def test_the_table_of_routes_is_complete(app):
    """Every route of the app is asked for below, or is about one session or order."""
    found = {route.path for route in app.routes if isinstance(route, APIRoute)}
    asked = {f"/api/{name}" for name in API} | {"/", "/static/vega.js", "/static/{path:path}", "/{path:path}"}
    assert found == asked | {"/api/sessions/{session_id:path}", "/api/orders/{order_id:path}"}
    assert {route.path for route in app.routes} == found, "a route that is not FastAPI's has no dependencies"


PATHS = (
    *(f"api/{name}" for name in (*API, "sessions/s1", "orders/o1", "nothing-here")),
    *(*FILES, "static/vega.js", "static/nothing-here.js", *PAGES),
)


@pytest.mark.parametrize("way", ["cookie", "token"])
def test_routes_by_role(client, way):
    """`pytest -s` prints the table: a route a row, with its status for each role."""
    client.cookies.clear()
    table: dict[str, list[int]] = {path: [] for path in PATHS}
    for token in ROLES.values():
        headers = {"Cookie": f"_token={token}"} if way == "cookie" else {"Authorization": f"Bearer {token}"}
        for path, statuses in table.items():
            response = client.get(f"/{path}", headers=headers if token else {})
            statuses.append(response.status_code)
            assert {name: response.headers[name] for name in security.HEADERS} == security.HEADERS, path
    print(f"\n{'login by ' + way:34}" + "".join(f"{role:>20}" for role in ROLES))
    for path, statuses in table.items():
        print(f"{'/' + path:34}" + "".join(f"{status:20}" for status in statuses))
    assert table == {
        path: [303 if path in PAGES else 401, 403, 404 if "nothing-here" in path else 200] for path in PATHS
    }


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("path", ["", "api/funnel", "static/main.js"])
def test_nothing_can_be_written(client, path, method):
    for token in filter(None, ROLES.values()):
        response = client.request(method, f"/{path}", headers={"Authorization": f"Bearer {token}"})
        assert response.status_code == 405, token
        assert response.headers["Content-Security-Policy"] == security.HEADERS["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["", "static/main.js", "static/vega.js"])
def test_head_answers_as_get_does(reader, path):
    shown, asked = (getattr(reader, method)(f"/{path}") for method in ("get", "head"))
    assert (asked.status_code, asked.content) == (200, b"")
    assert asked.headers == shown.headers
    reader.cookies.clear()
    assert reader.head(f"/{path}").status_code == reader.get(f"/{path}").status_code != 200


def test_the_login_leads_back_to_the_same_view(client):
    response = client.get("/?as_of=2025-01-08&product=a%26b&state=%C3%96")
    assert response.headers["location"] == (
        "/api/v2/auth/login?next=%2Fgreenery%2Ffunnel%2F%3Fas_of%3D2025-01-08%26product%3Da%2526b%26state%3D%25C3%2596"
    )


def test_a_token_that_is_wrong_is_refused(client):
    assert client.get("/api/options", headers={"Authorization": "Bearer wrong"}).status_code == 403


@pytest.mark.parametrize("path", ["static/..%2Fapp.py", "static/../app.py", "static/%2e%2e/notes.yml", "static/x.js"])
def test_other_files_are_not_served(reader, path):
    assert reader.get(f"/{path}").status_code == 404


def test_the_page_asks_for_nothing_from_outside_and_has_no_inline_code():
    page = (web.PAGE / "index.html").read_text()
    assert re.findall(r"<script(?![^>]* src=\"static/)", page) == []
    assert re.findall(r"\son\w+=|\sstyle=|<style", page) == []
    for file in web.PAGE.iterdir():
        assert re.findall(r"https?://", file.read_text()) == [], file.name
        assert (
            re.findall(r"\.innerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", file.read_text()) == []
        )


def test_the_csv_files_of_the_page_hold_no_formula():
    cells = ["=1+1", "+1", "-1", "@a", "\t=1", "\r=1", "a=1", 'a "quoted", one', "two\nlines", -1.5, None]
    module = (web.PAGE / "dom.js").as_uri()
    written = javascript.run(
        f"const {{ csv }} = await import({json.dumps(module)}); const columns = {{ cell: (row) => row, n: () => 1 }}; "
        "process.stdout.write(await csv(columns, values[0]).text());",
        cells,
    )
    found = [cell for cell, _ in csv.reader(io.StringIO(written, newline=""))]
    assert found == ["cell", *(f"'{cell}" for cell in cells[:6]), *cells[6:9], "-1.5", ""]
    # Every file is written by this function.
    for file in web.PAGE.glob("*.js"):
        makes = len(re.findall(r"new Blob\(|text/csv", file.read_text()))
        assert makes == (2 if file.name == "dom.js" else 0), file.name


def test_page_weight():
    from tests.bench.funnel_page import page_weight

    assert page_weight() < 500 * 1024


@pytest.mark.parametrize(
    ("query", "loc", "says"),
    [
        ("funnel?product=rose", "product", "product 'rose' is unknown. Use one of: p0, p1, p10"),
        ("funnel?country=Atlantis", "country", "country 'Atlantis' is unknown. Use one of: Country 0, "),
        ("breakdown?state=', drop table sessions", "state", "is unknown. Use one of: State 0"),
        (
            "funnel?as_of=2025-01-09",
            "as_of",
            "2025-01-09 is not the as_of of a published extract. Use one of: 2025-01-08, 2025-01-01.",
        ),
        ("funnel?from=2023-02-01&to=2023-01-01", "to", "2023-01-01 is before 2023-02-01. Use a day on or after it."),
        ("funnel?compare=other&other_product=rose", "other_product", "product 'rose' is unknown"),
        ("funnel?compare=last", "compare", "'none', 'previous', 'year_ago' or 'other'"),
        ("over-time?by=hour", "by", "'day', 'week' or 'month'"),
        ("breakdown?by=colour", "by", "'product', 'country', 'state', 'visitor' or 'weekday'"),
        ("sessions?limit=1001", "limit", "less than or equal to 1000"),
        ("funnel?from=soon", "from", "valid date"),
        ("funnel?fro=2023-01-01", "fro", "Extra inputs are not permitted"),
    ],
)
def test_bad_input_is_answered_with_what_is_allowed(reader, query, loc, says):
    response = reader.get(f"/api/{query}")
    assert response.status_code == 422
    (problem,) = response.json()["detail"]
    assert problem["loc"][-1] == loc
    assert says in problem["msg"]


@pytest.mark.parametrize("compare", ["previous", "year_ago"])
def test_days_far_away(reader, compare):
    """All sessions lie between them, and no day is before the year 1."""
    found = reader.get(f"/api/funnel?from=0001-01-01&to=9999-12-31&compare={compare}").json()
    assert found["funnel"]["sessions"] == 900
    assert found["comparison"]["period"]["from"] == "0001-01-01"
    assert found["comparison"]["funnel"]["sessions"] == (0 if compare == "previous" else 900)
    for path in ("over-time?by=day", "over-time?by=month", "times?by=month", "breakdown?by=state"):
        assert reader.get(f"/api/{path}&from=0001-01-01&to=9999-12-31").status_code == 200


def test_more_values_than_there_are(reader):
    """Only those that are known can be chosen, each once."""
    many = "&product=".join(f"p{number % 30}" for number in range(5000))
    assert reader.get(f"/api/funnel?product={many}").json()["funnel"]["sessions"] == 900
    response = reader.get("/api/funnel?product=" + "&product=".join(f"rose-{number}" for number in range(3000)))
    assert response.status_code == 422
    assert len(response.content) < 4000


def test_a_session_or_order_that_is_not_known(reader):
    assert reader.get("/api/sessions/none").json() == {"detail": "No session 'none' was known on 2025-01-08."}
    assert reader.get("/api/orders/none").json() == {"detail": "No order 'none' was known on 2025-01-08."}
    assert reader.get("/api/orders/a%2Fb%3F").json() == {"detail": "No order 'a/b?' was known on 2025-01-08."}


def test_before_the_first_publish(tmp_path, reader):
    empty = TestClient(web.build(Settings(home=tmp_path, extracts=tmp_path)), cookies={"_token": "reader"})
    response = empty.get("/api/options")
    assert response.status_code == 404
    assert response.json()["detail"].startswith(
        f"nothing is published in {tmp_path} yet: run a week first (make backfill"
    )
    assert empty.get("/").status_code == 200


@pytest.mark.parametrize(
    "spoil", ["manifest is missing", "manifest is cut", "file is missing", "file is cut", "file is open"]
)
def test_files_that_cannot_be_read_are_named_and_later_read(home, tmp_path, spoil):
    folder = tmp_path / "versions" / "1"
    shutil.copytree(home.home / "versions" / "1", folder)
    kept = folder.with_name("kept")
    shutil.copytree(folder, kept)
    (tmp_path / "published").symlink_to("versions/1")
    file = folder / ("manifest.json" if spoil.startswith("manifest") else "greenery.duckdb")
    writer = None
    if spoil == "file is open":
        writer = subprocess.Popen(
            [
                sys.executable,
                "-c",
                "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print(1, flush=True); input()",
                file,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        writer.stdout.readline()
    elif spoil.endswith("cut"):
        file.write_bytes(file.read_bytes()[:10])
    else:
        file.unlink()
    app = web.build(Settings(home=tmp_path, extracts=tmp_path))
    app.dependency_overrides[security.MAY_SEE.dependency] = lambda: None
    client = TestClient(app)
    response = client.get("/api/funnel")
    assert response.status_code == 503
    assert f"The published data in {folder} can't be read: " in response.json()["detail"]
    assert client.get("/").status_code == 200
    if writer:
        writer.communicate(b"\n")
    shutil.rmtree(folder)
    kept.rename(folder)
    assert client.get("/api/funnel").json()["funnel"]["sessions"] == 900


def test_a_version_that_is_deleted_while_it_is_opened(home, tmp_path, monkeypatch):
    """Another one is published by then, and is read."""
    shutil.copytree(home.home / "versions" / "1", tmp_path / "versions" / "1")
    published = tmp_path / "published"
    published.symlink_to("versions/1")
    opened = reading.open_for_readers

    def delete_first(path):
        monkeypatch.setattr(reading, "open_for_readers", opened)
        (tmp_path / "versions" / "1").rename(tmp_path / "versions" / "2")
        published.unlink()
        published.symlink_to("versions/2")
        return opened(path)

    monkeypatch.setattr(reading, "open_for_readers", delete_first)
    version = reading.Published(Settings(home=tmp_path, extracts=tmp_path)).version()
    assert version.folder == (tmp_path / "versions" / "2").resolve()


def test_answers_that_are_kept_are_bounded(home, monkeypatch):
    monkeypatch.setattr(reading, "KEPT_BYTES", 8000)
    version = reading.Version(home.published.resolve())
    made = []

    def answer(query, size):
        return version.answer(query, lambda: made.append(query) or b"x" * size)

    for number in range(20):
        assert len(answer(number, 500)) == 500
    assert version._answers.currsize <= 8000
    answer("large", 5000)
    made.clear()
    answer(19, 500), answer(0, 500), answer("large", 5000)
    assert made == [0, "large"]


def test_publishing_while_people_click_fails_no_request_and_mixes_no_versions(home, tmp_path, monkeypatch):
    """A request that has begun answers from its version, also when the version's files are gone."""
    shutil.copytree(home.home / "versions", tmp_path / "versions")
    (tmp_path / "published").symlink_to("versions/1")
    app = web.build(Settings(home=tmp_path, extracts=tmp_path))
    app.dependency_overrides[security.MAY_SEE.dependency] = lambda: None
    client = TestClient(app)
    before = client.get("/api/funnel").json()
    details = web.Details

    def publish_meanwhile(version, settings):
        monkeypatch.setattr(web, "Details", details)
        publish_large(tmp_path / "next", 300)
        (tmp_path / "next" / "versions" / "1").rename(tmp_path / "versions" / "2")
        (tmp_path / "versions" / "2" / "manifest.json").write_text(json.dumps({"version": 2}))
        (tmp_path / "published").unlink()
        (tmp_path / "published").symlink_to("versions/2")
        shutil.rmtree(tmp_path / "versions" / "1")
        return details(version, settings)

    monkeypatch.setattr(web, "Details", publish_meanwhile)
    during = client.get("/api/sessions?limit=3").json()
    assert (during["version"], during["total"]) == (before["version"], before["funnel"]["sessions"]) == (1, 900)
    after = client.get("/api/funnel").json()
    assert (after["version"], after["funnel"]["sessions"]) == (2, 300)


def test_the_state_of_the_weeks_is_not_kept(home, reader):
    """A week can be held without a new version."""
    file = home.reports / "weeks.json"
    file.parent.mkdir(exist_ok=True)
    for state in ("admitted", "held"):
        week = WeekState(as_of=date(2025, 1, 8), state=state, reason=None)
        file.write_text(json.dumps([week.document()]))
        assert [one["state"] for one in reader.get("/api/status").json()["weeks"]] == [state]


def test_the_openapi_description_is_of_every_answer(reader):
    description = reader.get("/api/openapi.json").json()
    documented = {"/api/" + name for name in API} - {"/api/openapi.json", "/api/charts"}
    assert set(description["paths"]) == documented | {"/api/sessions/{session_id}", "/api/orders/{order_id}"}
    for path, operations in description["paths"].items():
        answer = operations["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        assert re.fullmatch(r"#/components/schemas/\w+", answer["$ref"]), path
        assert {"401", "403", "404"} <= set(operations["get"]["responses"]), path


def test_notes_are_checked(tmp_path):
    assert notes.read() == ()
    file = tmp_path / "notes.yml"
    file.write_text(
        "- {day: 2025-02-05, kind: release, text: One page}\n- {day: 2025-01-05, kind: campaign, text: Spring}"
    )
    assert [note.text for note in notes.read(file)] == ["Spring", "One page"]
    file.write_text("- {day: 2025-02-05, kind: party, text: Checkout on one page}")
    with pytest.raises(NotesError, match=r"notes\.yml: entry 0\.kind: Input should be 'release', 'campaign'"):
        notes.read(file)
    file.write_text("- [")
    with pytest.raises(NotesError, match=r"notes\.yml is not YAML"):
        notes.read(file)
