"""The web app of the funnel page: the page, its files, and the API that they read."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Annotated, Any

import vl_convert
from fastapi import FastAPI, HTTPException, Query, Request, Response
from fastapi.exception_handlers import http_exception_handler
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel

from greenery.files import write_atomically
from greenery.publishing.reading import Published, UnreadableError, Version
from greenery.publishing.versions import NothingPublishedError
from greenery.settings import Settings
from greenery.web.funnel import charts, model, notes, queries, security
from greenery.web.funnel.answering import Answers
from greenery.web.funnel.details import Details

PAGE = Path(__file__).with_name("page")
ERRORS: dict[int | str, dict[str, Any]] = {
    401: {"description": "Nobody is logged in."},
    403: {"description": "The user may not see the weekly DAG."},
    404: {"description": "It is not known, or nothing is published yet."},
    503: {"description": "What is published can't be read."},
}


def build(settings: Settings) -> FastAPI:
    """Return the app. Every route needs Airflow's login and the right to see the weekly DAG.

    Raises NotesError if the file of notes can't be used.
    """
    app = FastAPI(
        title="Greenery funnel",
        version="1",
        description="How sessions move from page_view to package_shipped, and which orders changed, as known on the "
        "day of any published extract.",
        openapi_url=None,
        dependencies=[security.MAY_SEE],
    )
    published = Published(settings)
    bundle = bundle_of(settings)
    _add_api(app, settings, published)
    _add_page(app, bundle)
    _add_answers_to_errors(app)
    # So the first view does not wait for the import of statistics or for the newest data.
    threading.Thread(target=_warm_up, args=(published, bundle), daemon=True).start()
    return app


def _add_api(app: FastAPI, settings: Settings, published: Published) -> None:
    marks = notes.read()

    def answer(query: tuple[object, ...], make: Callable[[Version], BaseModel]) -> Response:
        """Answer from one published version, whatever is published meanwhile."""
        version = published.version()
        return _json(version.answer(query, lambda: _text(make(version))))

    def answers(version: Version) -> Answers:
        return Answers(version, settings.maturity_days)

    def details(version: Version) -> Details:
        return Details(version, settings)

    def route(path: str, returns: type[BaseModel], summary: str) -> Callable[[Any], Any]:
        return app.get(f"/api/{path}", response_model=returns, responses=ERRORS, summary=summary)

    @route("options", model.Options, "What can be chosen: days, products, places; and the notes of the charts")
    def options(query: Annotated[queries.AsOf, Query()]) -> Response:
        return answer(("options", query), lambda version: details(version).options(query, marks))

    @route("funnel", model.FunnelAnswer, "The funnel of a selection, and of the one that it is compared with")
    def funnel(query: Annotated[queries.Compared, Query()]) -> Response:
        return answer(("funnel", query), lambda version: answers(version).funnel(query))

    @route("over-time", model.OverTimeAnswer, "The conversion of each step by day, week or month")
    def over_time(query: Annotated[queries.OverTime, Query()]) -> Response:
        return answer(("over-time", query), lambda version: answers(version).over_time(query))

    @route("breakdown", model.BreakdownAnswer, "The funnel by product, country, state, visitor or weekday")
    def breakdown(query: Annotated[queries.Breakdown, Query()]) -> Response:
        return answer(("breakdown", query), lambda version: answers(version).breakdown(query))

    @route("times", model.TimesAnswer, "The time between steps: percentiles, distribution, and over time")
    def times(query: Annotated[queries.OverTime, Query()]) -> Response:
        return answer(("times", query), lambda version: answers(version).times(query))

    @route("sessions", model.SessionsAnswer, "The sessions behind a bar")
    def sessions(query: Annotated[queries.DrillDown, Query()]) -> Response:
        return answer(("sessions", query), lambda version: details(version).sessions(query))

    @route("sessions/{session_id:path}", model.SessionAnswer, "A session, with its orders and their versions")
    def session(session_id: str, query: Annotated[queries.AsOf, Query()]) -> Response:
        return answer(("session", session_id, query), lambda version: details(version).session(session_id, query))

    @route("order-changes", model.OrderChangesAnswer, "The orders that changed since the extract before")
    def order_changes(query: Annotated[queries.AsOf, Query()]) -> Response:
        return answer(("order-changes", query), lambda version: details(version).order_changes(query))

    @route("orders/{order_id:path}", model.OrderAnswer, "An order, with all its versions")
    def order(order_id: str, query: Annotated[queries.AsOf, Query()]) -> Response:
        return answer(("order", order_id, query), lambda version: details(version).order(order_id, query))

    @route("status", model.StatusAnswer, "The weeks: published, held, restated, and what the checks said")
    def status() -> Response:
        # Weeks are held, run and delivered without a new version: this answer is not kept.
        return _json(_text(details(published.version()).status()))

    @app.get("/api/charts", include_in_schema=False)
    def chart_specs() -> dict[str, Any]:
        return charts.specs()

    @app.get("/api/openapi.json", include_in_schema=False)
    def openapi(request: Request) -> dict[str, Any]:
        return {**app.openapi(), "servers": [{"url": request.scope.get("root_path", "")}]}


def _add_page(app: FastAPI, bundle: Path) -> None:
    files = StaticFiles(directory=PAGE)

    @app.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
    async def page(request: Request) -> Response:
        return await files.get_response("index.html", request.scope)

    @app.api_route("/static/vega.js", methods=["GET", "HEAD"], include_in_schema=False)
    def vega(request: Request) -> Response:
        _write_bundle(bundle)
        return files.file_response(bundle, bundle.stat(), request.scope)

    @app.api_route("/static/{path:path}", methods=["GET", "HEAD"], include_in_schema=False)
    async def static(path: str, request: Request) -> Response:
        return await files.get_response(path, request.scope)

    @app.api_route("/{path:path}", methods=["GET", "HEAD"], include_in_schema=False)
    def nothing(path: str) -> Response:
        """Answer all other paths, so that they need the login too."""
        raise HTTPException(404, f"There is no page {path!r}.")


def _add_answers_to_errors(app: FastAPI) -> None:
    @app.exception_handler(HTTPException)
    async def refuse(request: Request, error: HTTPException) -> Response:
        path = request.url.path.removeprefix(request.scope.get("root_path", ""))
        if error.status_code == 401 and not path.startswith(("/api/", "/static/")):
            return security.to_login(request)
        return await http_exception_handler(request, error)

    @app.exception_handler(NothingPublishedError)
    async def nothing_published(request: Request, error: NothingPublishedError) -> Response:
        return await http_exception_handler(request, HTTPException(404, str(error)))

    @app.exception_handler(UnreadableError)
    async def unreadable(request: Request, error: UnreadableError) -> Response:
        return await http_exception_handler(request, HTTPException(503, str(error)))

    @app.middleware("http")
    async def add_headers(request: Request, proceed: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await proceed(request)
        response.headers.update(security.HEADERS)
        return response


def _text(answer: BaseModel) -> bytes:
    return answer.model_dump_json(by_alias=True).encode()


def _json(text: bytes) -> Response:
    return Response(text, media_type="application/json")


def bundle_of(settings: Settings) -> Path:
    """Return the path of the file with the libraries of the charts."""
    return settings.home / "cache" / f"vega-{version_of('vl-convert-python')}.js"


def _warm_up(published: Published, bundle: Path) -> None:
    import statsmodels.stats.proportion  # noqa: F401

    try:
        version = published.version()
    except (NothingPublishedError, UnreadableError):
        return
    version.known_on(version.extracts[-1])
    _write_bundle(bundle)


def _write_bundle(bundle: Path) -> None:
    """Write the libraries of the charts as one file, unless it exists."""
    if not bundle.exists():
        write_atomically(bundle, vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"))
