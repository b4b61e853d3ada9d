"""A Slack on loopback: it refuses what Slack refuses, keeps what it was told, and fails where a test asks it to."""

from __future__ import annotations

import json
import re
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from email import policy
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.servers import POLL_SECONDS

TOKEN = "xoxb-1-test-token"
CHANNEL = "C0GREENERY1"
BLOCKS = 50
MAX_IMAGE = 10 * 1024 * 1024

# What goes wrong with a call, once: `Fault(500)` answers so and does nothing, `Fault(500, done=True)` after doing it.
LOST = "lost"  # the line is cut instead of an answer


@dataclass(frozen=True)
class Fault:
    """An answer that a call gets instead of its own.

    answer: an HTTP status, an error code of Slack, or LOST; None lets the call be.
    done: whether the call takes effect all the same.
    retry_after: seconds, with status 429.
    delay: seconds before anything is answered.
    """

    answer: int | str | None
    done: bool = False
    retry_after: int = 1
    delay: float = 0


@dataclass
class Call:
    """A call that came in, and what it was answered."""

    method: str
    arguments: dict[str, Any]
    answer: dict[str, Any] | str = ""


class Refused(Exception):
    """Slack's `ok: false`."""

    def __init__(self, code: str, *messages: str) -> None:
        super().__init__(code)
        self.code, self.messages = code, messages


@dataclass
class SlackServer:
    """The state of a workspace. Use it as a context manager.

    faults: by method, what goes wrong with its next calls.
    hooks: by method, what is done once its next call has taken effect and before it is answered.
    """

    token: str = TOKEN
    file_delay: int = 0  # how often a message with a new file is refused
    channels: dict[str, dict[str, Any]] = field(
        default_factory=lambda: {CHANNEL: {"name": "weekly", "is_member": True}}
    )
    calls: list[Call] = field(default_factory=list)
    faults: dict[str, list[Fault]] = field(default_factory=lambda: defaultdict(list))
    posted: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    page_size: int = 100
    hooks: dict[str, Callable[[], None]] = field(default_factory=dict)

    def __enter__(self) -> SlackServer:
        self.lock = threading.RLock()
        self.clock = time.time()
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, args=(POLL_SECONDS,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.http.shutdown()
        self.http.server_close()

    @property
    def connection(self) -> str:
        """The connection to this server, as in AIRFLOW_CONN_GREENERY_SLACK."""
        return json.dumps(
            {"conn_type": "slack", "password": self.token, "extra": {"base_url": f"{self.url}/api/", "timeout": 2}}
        )

    def messages(self, channel: str = CHANNEL) -> list[dict[str, Any]]:
        """Return what people see in a channel, oldest first, without the threads."""
        return [message for message in self._in_channel(channel) if message.get("subtype") != "tombstone"]

    def thread(self, ts: str, channel: str = CHANNEL) -> list[dict[str, Any]]:
        """Return the replies to a message, oldest first."""
        return [reply for reply in self.posted[channel] if reply.get("thread_ts") == ts and reply["ts"] != ts]

    def methods(self) -> list[str]:
        """Return the names of the calls so far."""
        return [call.method for call in self.calls]

    def delete(self, ts: str, channel: str = CHANNEL) -> None:
        """Delete a message, as a person would; where it has replies, a tombstone stays."""
        kept = [message for message in self.posted[channel] if message["ts"] != ts]
        if self.thread(ts, channel):
            kept.insert(0, {"ts": ts, "subtype": "tombstone", "text": "This message was deleted.", "metadata": None})
        self.posted[channel] = kept

    # Slack's methods; the names are its own.

    def call(self, method: str, arguments: dict[str, Any]) -> dict[str, Any]:
        function = getattr(self, "do_" + method.replace(".", "_"), None)
        if function is None:
            raise Refused("unknown_method")
        return {"ok": True, **function(**arguments)}

    def do_auth_test(self) -> dict:
        return {"team": "Greenery", "user": "weekly", "bot_id": "B1"}

    def do_conversations_info(self, channel: str = "") -> dict:
        return {"channel": {"id": channel, **self._channel(channel)}}

    def do_chat_postMessage(
        self, channel: str = "", text: str = "", blocks: Any = None, metadata: Any = None, thread_ts: str = "", **_: Any
    ) -> dict:
        self._check_member(channel)
        if thread_ts and not any(message["ts"] == thread_ts for message in self.posted[channel]):
            raise Refused("thread_not_found")
        message = self._content(text, blocks, metadata)
        return {"channel": channel, "ts": self._post(channel, message, thread_ts)["ts"]}

    def do_chat_update(
        self, channel: str = "", ts: str = "", text: str = "", blocks: Any = None, metadata: Any = None, **_: Any
    ) -> dict:
        self._check_member(channel)
        message = next((message for message in self.posted[channel] if message["ts"] == ts), None)
        if message is None or message.get("subtype") == "tombstone":
            raise Refused("message_not_found")
        message.update(self._content(text, blocks, metadata), edited=True)
        return {"channel": channel, "ts": ts}

    def do_conversations_history(
        self,
        channel: str = "",
        oldest: str = "0",
        limit: str = "100",
        cursor: str = "0",
        include_all_metadata: Any = False,
        **_: Any,
    ) -> dict:
        self._check_member(channel)
        posted = reversed(self._in_channel(channel))
        newest_first = [message for message in posted if float(message["ts"]) > float(oldest)]
        return self._page(newest_first, limit, cursor, include_all_metadata)

    def do_conversations_replies(
        self,
        channel: str = "",
        ts: str = "",
        limit: str = "100",
        cursor: str = "0",
        include_all_metadata: Any = False,
        **_: Any,
    ) -> dict:
        self._check_member(channel)
        found = [message for message in self.posted[channel] if ts in (message["ts"], message.get("thread_ts"))]
        if not found:
            raise Refused("thread_not_found")
        return self._page(found, limit, cursor, include_all_metadata)

    def do_files_getUploadURLExternal(self, filename: str = "", length: str = "0", alt_txt: str = "", **_: Any) -> dict:
        if not filename or int(length) <= 0:
            raise Refused("invalid_arguments", "[ERROR] filename and length are required")
        file_id = f"F{len(self.files) + 1:010d}"
        self.files[file_id] = {"name": filename, "length": int(length), "alt_txt": alt_txt, "waits": self.file_delay}
        return {"file_id": file_id, "upload_url": f"{self.url}/upload/{file_id}"}

    def do_files_completeUploadExternal(
        self, files: Any = None, channel_id: str = "", thread_ts: str = "", **_: Any
    ) -> dict:
        done = []
        for item in json.loads(files) if isinstance(files, str) else files or []:
            file = self.files.get(item.get("id"))
            if file is None or "content" not in file or file.get("completed"):
                raise Refused("file_not_found")
            done.append((item["id"], file, item.get("title", "")))
        if not done:
            raise Refused("invalid_arguments", "[ERROR] files is required")
        if channel_id:
            self._check_member(channel_id)
            if thread_ts and not any(message["ts"] == thread_ts for message in self.posted[channel_id]):
                raise Refused("thread_not_found")
        for _id, file, title in done:
            file.update(completed=True, title=title)
        if channel_id:
            shared = [{"id": file_id, "name": file["name"], "size": file["length"]} for file_id, file, _ in done]
            self._post(channel_id, {"text": "", "files": shared}, thread_ts)
        return {"files": [{"id": file_id, "title": title} for file_id, _, title in done]}

    def receive(self, file_id: str, content: bytes) -> int:
        """Take the bytes of an upload; return the HTTP status."""
        file = self.files.get(file_id)
        if file is None or ("content" in file and file.get("completed")):
            return 404
        if len(content) != file["length"]:
            return 400
        file["content"] = content
        return 200

    def _in_channel(self, channel: str) -> list[dict[str, Any]]:
        return [message for message in self.posted[channel] if message.get("thread_ts", message["ts"]) == message["ts"]]

    def _channel(self, channel: str) -> dict[str, Any]:
        if channel not in self.channels:
            raise Refused("channel_not_found")
        return self.channels[channel]

    def _check_member(self, channel: str) -> None:
        found = self._channel(channel)
        if not found["is_member"]:
            raise Refused("not_in_channel")
        if found.get("is_archived"):
            raise Refused("is_archived")

    def _post(self, channel: str, message: dict[str, Any], thread_ts: str) -> dict[str, Any]:
        self.clock += 0.000001
        message["ts"] = f"{max(self.clock, time.time()):.6f}"
        self.clock = float(message["ts"])
        if thread_ts:
            message["thread_ts"] = thread_ts
        self.posted[channel].append(message)
        return message

    def _page(self, messages: list[dict], limit: Any, cursor: str, with_metadata: Any) -> dict:
        start, size = int(cursor or 0), min(int(limit), self.page_size)
        page = [dict(message) for message in messages[start : start + size]]
        if str(with_metadata).lower() not in ("true", "1"):
            for message in page:
                message.pop("metadata", None)
        following = str(start + size) if start + size < len(messages) else ""
        return {
            "messages": page,
            "has_more": bool(following),
            "response_metadata": {"next_cursor": following},
        }

    def _content(self, text: str, blocks: Any, metadata: Any) -> dict[str, Any]:
        blocks = json.loads(blocks) if isinstance(blocks, str) else blocks
        metadata = json.loads(metadata) if isinstance(metadata, str) else metadata
        if not text and not blocks:
            raise Refused("no_text")
        if len(text) > 40_000:
            raise Refused("msg_too_long")
        if blocks and len(blocks) > BLOCKS:
            raise Refused("invalid_blocks", f"[ERROR] no more than {BLOCKS} items allowed [json-pointer:/blocks]")
        for number, block in enumerate(blocks or []):
            if error := self._block_error(block):
                message, pointer = error
                raise Refused("invalid_blocks", f"[ERROR] {message} [json-pointer:/blocks/{number}{pointer}]")
        if metadata is not None and not (
            isinstance(metadata, dict)
            and isinstance(metadata.get("event_type"), str)
            and isinstance(metadata.get("event_payload"), dict)
            and all(isinstance(value, str | int | float | bool) for value in metadata["event_payload"].values())
        ):
            raise Refused("invalid_metadata_format")
        return {"text": text, "blocks": blocks or [], "metadata": metadata}

    def _block_error(self, block: dict) -> tuple[str, str] | None:
        match block.get("type"):
            case "divider":
                return None
            case "rich_text":
                return _rich_text_error(block, "")
            case "header":
                return _text_error(block.get("text"), 150, ("plain_text",), "/text")
            case "section":
                fields = block.get("fields", [])
                if len(fields) > 10:
                    return "no more than 10 items allowed", "/fields"
                if "text" not in block and not fields:
                    return "missing required field: text", ""
                errors = [_text_error(text, 2000, ("plain_text", "mrkdwn"), "/fields") for text in fields]
                if "text" in block:
                    errors.append(_text_error(block["text"], 3000, ("plain_text", "mrkdwn"), "/text"))
                return next(filter(None, errors), None)
            case "context":
                elements = block.get("elements", [])
                if not 0 < len(elements) <= 10:
                    return "between 1 and 10 items allowed", "/elements"
                errors = [
                    self._image_error(item)
                    if item.get("type") == "image"
                    else _text_error(item, 3000, ("plain_text", "mrkdwn"), "/elements")
                    for item in elements
                ]
                return next(filter(None, errors), None)
            case "actions":
                elements = block.get("elements", [])
                if not 0 < len(elements) <= 25:
                    return "between 1 and 25 items allowed", "/elements"
                return None
            case "image":
                return self._image_error(block)
            case other:
                return f"unsupported type: {other}", "/type"

    def _image_error(self, image: dict) -> tuple[str, str] | None:
        if not image.get("alt_text") or len(image["alt_text"]) > 2000:
            return "must be between 1 and 2000 characters", "/alt_text"
        if ("slack_file" in image) == ("image_url" in image):
            return "exactly one of image_url and slack_file is allowed", ""
        if "image_url" in image:
            return None
        file = self.files.get(image["slack_file"].get("id"))
        if file is None or not file.get("completed") or not re.search(r"\.(png|jpe?g|gif)$", file["name"]):
            return "invalid slack file", "/slack_file"
        if file["length"] > MAX_IMAGE:
            return "image is too large", "/slack_file"
        if file["waits"] > 0:
            file["waits"] -= 1
            return "invalid slack file", "/slack_file"
        return None


def _text_error(text: Any, length: int, types: tuple[str, ...], pointer: str) -> tuple[str, str] | None:
    if not isinstance(text, dict) or text.get("type") not in types:
        return f"must be one of {', '.join(types)}", f"{pointer}/type"
    if not isinstance(text.get("text"), str) or not 0 < len(text["text"]) <= length:
        return f"must be between 1 and {length} characters", f"{pointer}/text"
    return None


def _rich_text_error(part: dict, pointer: str) -> tuple[str, str] | None:
    """Check a part of rich text: parts hold parts, and at the end there is text, a link or an emoji."""
    match part.get("type"):
        case "text":
            return None if part.get("text") else ("must be more than 0 characters", f"{pointer}/text")
        case "link":
            is_address = re.match(r"(https?|mailto):", part.get("url", ""))
            return None if is_address else ("invalid url", f"{pointer}/url")
        case "emoji":
            return None if part.get("name") else ("missing required field: name", pointer)
        case (
            "rich_text" | "rich_text_section" | "rich_text_list" | "rich_text_quote" | "rich_text_preformatted" as kind
        ):
            if kind == "rich_text_list" and part.get("style") not in ("bullet", "ordered"):
                return "must be a valid list style", f"{pointer}/style"
            parts = part.get("elements")
            if not parts:
                return "missing required field: elements", pointer
            errors = (_rich_text_error(inner, f"{pointer}/elements/{number}") for number, inner in enumerate(parts))
            return next(filter(None, errors), None)
        case other:
            return f"unsupported type: {other}", f"{pointer}/type"


def _handler(server: SlackServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            path = urlsplit(self.path).path
            if path.startswith("/upload/"):
                call = Call("upload", {"file": path.rpartition("/")[2], "bytes": len(body)})
                self._answer(call, lambda: server.receive(call.arguments["file"], body))
                return
            call = Call(path.removeprefix("/api/"), _arguments(self.headers.get("Content-Type", ""), body))
            self._answer(call, lambda: self._do(call))

        def _do(self, call: Call) -> dict[str, Any]:
            try:
                if self.headers.get("Authorization", "").removeprefix("Bearer ") != server.token:
                    raise Refused("invalid_auth" if self.headers.get("Authorization") else "not_authed")
                return server.call(call.method, {k: v for k, v in call.arguments.items() if v not in (None, "")})
            except Refused as error:
                return _refusal(error.code, error.messages)

        def _answer(self, call: Call, do: Any) -> None:
            with server.lock:
                server.calls.append(call)
                waiting = server.faults[call.method]
                fault = waiting.pop(0) if waiting else None
                answer = do() if fault is None or fault.done or fault.answer is None else None
            if hook := server.hooks.pop(call.method, None):
                hook()
            if fault and fault.delay:
                time.sleep(fault.delay)
            if fault and fault.answer == LOST:
                call.answer = LOST
                self.close_connection = True
                self.connection.close()
                return
            status, headers = 200, {}
            if fault and isinstance(fault.answer, int):
                status, answer = fault.answer, _refusal("ratelimited" if fault.answer == 429 else "internal_error", ())
                headers = {"Retry-After": str(fault.retry_after)} if status == 429 else {}
            elif fault and fault.answer:
                answer = _refusal(fault.answer, ())
            elif isinstance(answer, int):
                status, answer = answer, {"ok": answer == 200}
            call.answer = f"{status}" if status != 200 else answer
            self._write(status, headers, json.dumps(answer).encode())

        def _write(self, status: int, headers: dict[str, str], content: bytes) -> None:
            try:
                self.send_response(status)
                for name, value in {**headers, "Content-Type": "application/json"}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
            except (BrokenPipeError, ConnectionResetError):  # the client has given up waiting, or was killed
                pass

    return Handler


def _refusal(code: str, messages: tuple[str, ...]) -> dict[str, Any]:
    answer: dict[str, Any] = {"ok": False, "error": code}
    if messages:
        answer["response_metadata"] = {"messages": list(messages)}
    return answer


def _arguments(content_type: str, body: bytes) -> dict[str, Any]:
    """Read the arguments of a call: JSON, a form, or a form in parts."""
    if content_type.startswith("application/json"):
        return json.loads(body or b"{}")
    if content_type.startswith("multipart/form-data"):
        parsed = BytesParser(policy=policy.HTTP).parsebytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body)
        return {
            part.get_param("name", header="content-disposition"): part.get_payload(decode=True).decode()
            for part in parsed.iter_parts()
        }
    return {name: values[-1] for name, values in parse_qs(body.decode(), keep_blank_values=True).items()}
