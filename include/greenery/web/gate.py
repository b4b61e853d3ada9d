"""The gate in front of two pages that this repository adds to Airflow: the reports, and the models' documentation.

Airflow 3.3.2 itself asks for no login when someone opens the page of a plugin.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from greenery.settings import DAG_ID, MODELS_PAGE, REPORTS_PAGE

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Imported inside the functions: every process of Airflow imports this module with the plugins.

PAGES = (REPORTS_PAGE, MODELS_PAGE)
EMBEDDING = "frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
# dbt's page runs its own scripts, evaluates expressions, and contains its pictures and fonts.
MODELS_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:"
)


class Gate:
    """Middleware: lets users who may see the weekly DAG open the pages, and sets the headers of every answer.

    A browser without a login is sent to Airflow's login, and comes back from there. Other clients get 401, and users
    without the right get 403.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request for one of the pages. Pass every other request to the app."""
        page = _page(scope) if scope["type"] == "http" else None
        if page is None:
            await self.app(scope, receive, send)
            return
        from starlette.datastructures import MutableHeaders
        from starlette.requests import Request

        headers = _headers(page)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(headers)
            await send(message)

        answer = await _refusal(Request(scope)) or self.app
        # The pages of Cosmos answer only GET. The server drops the body of an answer to HEAD.
        if scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}
        await answer(scope, receive, send_with_headers)


def _page(scope: Scope) -> str | None:
    """Return the page that a request asks for, by the rule of Starlette's mounts; None if it is another one."""
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    return next((page for page in PAGES if path == page or path.startswith(f"{page}/")), None)


def _headers(page: str) -> Mapping[str, str]:
    from greenery.messages.templating import POLICY

    return {
        # A report can be restated: a browser asks each time, and keeps nothing for another user.
        "Cache-Control": "private, no-cache",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "SAMEORIGIN",
        "Content-Security-Policy": f"{POLICY if page == REPORTS_PAGE else MODELS_POLICY}; {EMBEDDING}",
    }


async def _refusal(request: Request) -> Response | None:
    """Return the answer that refuses the user of a request; None if the user may see the pages."""
    from airflow.api_fastapi.core_api.security import bearer_scheme, get_user, requires_access_dag
    from fastapi import HTTPException
    from fastapi.concurrency import run_in_threadpool
    from starlette.responses import JSONResponse, RedirectResponse

    try:
        user = await get_user(request, None, await bearer_scheme(request))
        await run_in_threadpool(requires_access_dag(method="GET", param_dag_id=DAG_ID), request, user)
    except HTTPException as error:
        is_browser = request.method in ("GET", "HEAD") and "text/html" in request.headers.get("accept", "")
        if error.status_code == 401 and is_browser:
            query = f"?{request.url.query}" if request.url.query else ""
            back = urlencode({"next": f"{request.url.path}{query}"})
            return RedirectResponse(f"{request.scope.get('root_path', '')}/api/v2/auth/login?{back}", status_code=302)
        return JSONResponse({"detail": error.detail}, status_code=error.status_code)
    return None
