"""Registers the weekly reports as a page of Airflow, and the gate in front of this and of the models' page."""

from __future__ import annotations

import functools
from typing import Any

from airflow.plugins_manager import AirflowPlugin
from greenery import settings
from greenery.web.gate import Gate


@functools.cache
def _app() -> Any:
    from greenery.web.reports import build

    return build(settings.load())


async def reports(scope: Any, receive: Any, send: Any) -> None:
    """Answer by the app of the reports, made at the first request: every process of Airflow imports this module."""
    await _app()(scope, receive, send)


class GreeneryReports(AirflowPlugin):
    """What Airflow registers: the app, its place in the navigation, and the gate."""

    name = "greenery_reports"
    fastapi_apps = [{"name": "greenery_reports", "app": reports, "url_prefix": settings.REPORTS_PAGE}]  # noqa: RUF012
    fastapi_root_middlewares = [{"name": "greenery_gate", "middleware": Gate, "args": [], "kwargs": {}}]  # noqa: RUF012
    external_views = [  # noqa: RUF012
        {
            "name": "Reports",
            "href": f"{settings.REPORTS_PAGE}/index.html",
            "url_route": "greenery_reports",
            "destination": "nav",
            # Airflow puts two entries or more into a menu, unless they are of the top level.
            "nav_top_level": True,
        }
    ]
