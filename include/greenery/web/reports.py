"""The folder of reports as a web app. The gate decides who may open it."""

from __future__ import annotations

from starlette.staticfiles import StaticFiles

from greenery.settings import Settings


def build(settings: Settings) -> StaticFiles:
    """Return the app that serves the files of `settings.reports`."""
    return StaticFiles(directory=settings.reports, html=True, check_dir=False)
