"""The folder of reports as a web app, for users who may see the weekly DAG in Airflow."""

from __future__ import annotations

from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import Depends, FastAPI, Request, Response
from fastapi.staticfiles import StaticFiles

from greenery.settings import DAG_ID, Settings


def build(settings: Settings) -> FastAPI:
    """Return the app. It serves the files of `settings.reports`, and answers 401 or 403 to users without the right to
    see them."""
    reports = StaticFiles(directory=settings.reports, html=True, check_dir=False)
    app = FastAPI(openapi_url=None, dependencies=[Depends(requires_access_dag(method="GET", param_dag_id=DAG_ID))])

    @app.get("/{path:path}")
    async def file(path: str, request: Request) -> Response:
        return await reports.get_response(path or ".", request.scope)

    return app
