"""Page through PagerDuty's Events API v2, with the key and the address of the connection `greenery_pagerduty`."""

from __future__ import annotations

from typing import Any

import pagerduty
from airflow.providers.pagerduty.hooks.pagerduty_events import PagerdutyEventsHook

from greenery.channels.channel import is_private
from greenery.channels.errors import PassingError, PermanentError
from greenery.channels.reference import Reference

CONNECTION = "greenery_pagerduty"
KEY_LENGTH = 255
TRIES = 4  # if the server is busy or fails; the pauses are 3, 6, 12 and 24 seconds
ANSWER_SECONDS = 20  # how long to wait for an answer


def trigger(key: str, event: dict[str, Any]) -> Reference:
    """Open the incident `key`, or update it if it is open; return the reference to keep.

    event: payload and links of the event, as the Events API names them.

    Raises PermanentError if PagerDuty refuses it, PassingError if PagerDuty is busy or can't be reached.
    """
    return _send("trigger", key, event)


def resolve(key: str) -> Reference:
    """Resolve the incident `key`, if it is open; return the reference to keep. Raises the errors of `trigger`."""
    return _send("resolve", key, {})


def _send(action: str, key: str, event: dict[str, Any]) -> Reference:
    """Send an event, and try again up to TRIES times. Raises the errors of `trigger`."""
    try:
        with client() as found:
            found.send_event(action, dedup_key=key[:KEY_LENGTH], **event)
    except pagerduty.Error as error:
        if error.response is not None and error.response.is_client_error and error.response.status_code != 429:
            raise PermanentError(
                f"PagerDuty refuses the {action} of {key}: {error}. Correct the routing key (the password) of the "
                f"connection {CONNECTION}."
            ) from error
        raise PassingError(f"PagerDuty did not take the {action} of {key}: {error}") from error
    return Reference(dedup_key=key[:KEY_LENGTH])


class _Client(pagerduty.EventsApiV2Client):
    """The library's client, which refuses every address without TLS. This one accepts a test server on this machine."""

    @property
    def url(self) -> str:
        """The address of the service."""
        return str(self._url)

    @url.setter
    def url(self, address: str) -> None:
        if not is_private(address):
            raise PermanentError(f"extra.base_url of {CONNECTION} is {address}: write an address with https://.")
        self._url = address  # type: ignore[assignment]


def client() -> pagerduty.EventsApiV2Client:
    """Return a client that stops after TRIES tries. The library's own client waits for a busy server without limit.

    The provider's hook reads the connection. But it ignores `extra.base_url`, so the client is made here.
    """
    hook = PagerdutyEventsHook(pagerduty_events_conn_id=CONNECTION)
    extra = hook.get_connection(CONNECTION).extra_dejson
    found = _Client(hook.integration_key, base_url=extra.get("base_url"))
    found.retry |= dict.fromkeys((429, 500, 502, 503, 504), TRIES)
    found.timeout = ANSWER_SECONDS
    return found
