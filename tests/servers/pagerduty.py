"""A PagerDuty Events API v2 on loopback: it checks events as PagerDuty does, keeps a record, fails when asked to."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.servers import POLL_SECONDS

ROUTING_KEY = "0123456789abcdef0123456789abcdef"
LARGEST_EVENT = 512 * 1024


@dataclass(frozen=True)
class Call:
    """What came in, and what it was answered."""

    event: dict[str, Any]
    status: int

    @property
    def action(self) -> str:
        return self.event.get("event_action", "")

    @property
    def key(self) -> str:
        return self.event.get("dedup_key", "")


@dataclass
class PagerDuty:
    """A running server.

    calls: all that came in, oldest first.
    incidents: what is open and resolved, by dedup key.
    faults: statuses with which the next calls are answered instead.
    """

    url: str = ""
    calls: list[Call] = field(default_factory=list)
    incidents: dict[str, str] = field(default_factory=dict)
    faults: deque[int] = field(default_factory=deque)

    def accepted(self) -> list[tuple[str, str]]:
        """Return action and key of each event that was taken."""
        return [(call.action, call.key) for call in self.calls if call.status == 202]

    def take(self, body: bytes, content_type: str) -> tuple[int, dict[str, Any]]:
        """Return the status and the answer to an event."""
        try:
            event = json.loads(body)
        except ValueError:
            event = {}
        if self.faults:
            status = self.faults.popleft()
            answer = {"status": "throttle exceeded" if status == 429 else "error", "message": "come back later"}
        elif errors := list(problems(event, len(body), content_type)):
            status, answer = 400, {"status": "invalid event", "message": "Event object is invalid", "errors": errors}
        else:
            key = event.get("dedup_key") or f"made-{len(self.calls)}"
            if event["event_action"] == "trigger":
                self.incidents[key] = "triggered"
            elif key in self.incidents:
                self.incidents[key] = "resolved" if event["event_action"] == "resolve" else "acknowledged"
            status, answer = 202, {"status": "success", "message": "Event processed", "dedup_key": key}
        self.calls.append(Call(event, status))
        return status, answer


def problems(event: Any, size: int, content_type: str) -> Iterator[str]:
    """Yield what PagerDuty would refuse in an event."""
    if "json" not in content_type or not isinstance(event, dict):
        yield "the body is not a JSON object"
        return
    if size > LARGEST_EVENT:
        yield f"the event has {size} bytes, more than {LARGEST_EVENT}"
    if len(str(event.get("routing_key", ""))) != 32:
        yield "Length of 'routing_key' is incorrect (should be 32 characters)"
    action = event.get("event_action")
    if action not in ("trigger", "acknowledge", "resolve"):
        yield "'event_action' must be trigger, acknowledge or resolve"
    key = event.get("dedup_key")
    if action != "trigger" and not key:
        yield "'dedup_key' is missing or blank"
    if key is not None and (not isinstance(key, str) or len(key) > 255):
        yield "'dedup_key' is longer than 255 characters"
    if action != "trigger":
        return
    payload = event.get("payload")
    if not isinstance(payload, dict):
        yield "'payload' is missing or blank"
        return
    for name in ("summary", "source", "severity"):
        if not isinstance(payload.get(name), str) or not payload[name]:
            yield f"'payload.{name}' is missing or blank"
    if len(payload.get("summary") or "") > 1024:
        yield "'payload.summary' is longer than 1024 characters"
    if payload.get("severity") not in ("critical", "error", "warning", "info"):
        yield "'payload.severity' is invalid (must be one of the following: critical, warning, error, info)"
    if unknown := payload.keys() - {
        "summary", "source", "severity", "timestamp", "component", "group", "class", "custom_details",
    }:  # fmt: skip
        yield f"'payload' has unknown fields {', '.join(sorted(unknown))}"
    for link in event.get("links", []):
        if not str(link.get("href", "")).startswith(("http://", "https://")):
            yield "'links.href' is not an address"


@contextmanager
def running_pagerduty() -> Iterator[PagerDuty]:
    """Start the server on a free loopback port, yield it, and stop it."""
    service = PagerDuty()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.path == "/v2/enqueue":
                status, answer = service.take(body, self.headers.get("Content-Type", ""))
            else:
                status, answer = 404, {"status": "not found"}
            text = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_):
            """Keep quiet: the record is `calls`."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    service.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
