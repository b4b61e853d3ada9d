"""Who may see the page, and what a browser may do with it."""

from __future__ import annotations

from urllib.parse import urlencode

from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import Depends, Request
from fastapi.responses import RedirectResponse

from greenery.settings import DAG_ID

# Everybody who may see the weekly DAG. Raises 401 without a login, 403 without the right.
MAY_SEE = Depends(requires_access_dag(method="GET", param_dag_id=DAG_ID))

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # A browser must ask again for what it keeps, so that nobody sees a page after losing the right to see it.
    "Cache-Control": "private, no-cache",
}


def to_login(request: Request) -> RedirectResponse:
    """Return the redirect to Airflow's login, which leads back to the same view."""
    mounted_at: str = request.scope.get("root_path", "")
    root = mounted_at.split("/greenery/", 1)[0]
    back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"{root}/api/v2/auth/login?{urlencode({'next': back})}", status_code=303)
