"""Registers the funnel page in Airflow, for users who may see the weekly DAG."""

from __future__ import annotations

import functools
from typing import Any

from airflow.plugins_manager import AirflowPlugin
from greenery import settings


@functools.cache
def _app() -> Any:
    from greenery.web.funnel.app import build

    return build(settings.load())


async def funnel(scope: Any, receive: Any, send: Any) -> None:
    """Answer by the app of the page, made at the first request: every process of Airflow imports this module."""
    await _app()(scope, receive, send)


class GreeneryFunnel(AirflowPlugin):
    """What Airflow registers: the app, and its place in the navigation."""

    name = "greenery_funnel"
    fastapi_apps = [{"name": "greenery_funnel", "app": funnel, "url_prefix": settings.FUNNEL_PAGE}]  # noqa: RUF012
    external_views = [  # noqa: RUF012
        {
            "name": "Funnel",
            "href": f"{settings.FUNNEL_PAGE}/",
            "url_route": "greenery_funnel",
            "destination": "nav",
            # Airflow puts two entries or more into a menu, unless they are of the top level.
            "nav_top_level": True,
        }
    ]
