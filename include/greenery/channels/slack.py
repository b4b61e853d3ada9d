"""Send a message to a Slack channel once. If the end of a send is doubtful, the channel is searched for the message. If
the content changes, the message is updated."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from http.client import HTTPException, IncompleteRead, RemoteDisconnected
from itertools import islice
from typing import Any
from urllib.error import URLError

import httpx
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_handlers import (
    ConnectionErrorRetryHandler,
    RateLimitErrorRetryHandler,
    ServerErrorRetryHandler,
)
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

from greenery.channels.errors import PassingError, PermanentError
from greenery.channels.reference import Reference
from greenery.channels.sent import Sending
from greenery.messages.message import Attachment, SlackMessage

EVENT_TYPE = "greenery_digest"
TRIES = 4
FILE_TRIES = 8  # an uploaded image can be shown some seconds later
PAGES = 50
ALT_TEXT = 1000

# Errors of Slack, and how to fix them. Other errors are shown unchanged.
FIXES = {
    "channel_not_found": "there is no such channel, or it is private and the app is not in it: check the id, "
    "and invite the app with /invite",
    "not_in_channel": "invite the app into the channel with /invite",
    "is_archived": "the channel is archived: choose another, or unarchive it",
    "invalid_auth": "the token is wrong: put the app's bot token (xoxb-…) into the connection's password",
    "not_authed": "the connection has no token: put the app's bot token (xoxb-…) into its password",
    "token_revoked": "the token was revoked: install the app again and put its new bot token into the connection",
    "token_expired": "the token has expired: put a new bot token into the connection",
    "account_inactive": "the app or its workspace was removed: install it again and use its new bot token",
    "missing_scope": "the app lacks a scope: give it chat:write, files:write, and channels:history and channels:read "
    "(groups:history and groups:read for a private channel), and install it again",
    "restricted_action": "a rule of the workspace forbids the app to post there: ask its administrator",
}
# The old message is gone or can't be changed. A new message takes its place.
GONE = ("message_not_found", "cant_update_message", "edit_window_closed", "channel_not_found", "is_archived")
NO_ANSWER = "no answer of Slack's"
# After these errors nobody knows whether Slack has done the call.
PASSING = ("internal_error", "fatal_error", "service_unavailable", "request_timeout", NO_ANSWER)


def send(connection_id: str, channel_id: str, message: SlackMessage, sending: Sending) -> Reference:
    """Post the message, or update the message that the channel already has; return its place: channel and ts.

    Files go into its thread. If other content is replaced, `thread_note` goes there too.

    Raises PermanentError if Slack refuses it, PassingError if Slack is busy or can't be reached.
    """
    slack = _Slack(connection_id)
    with _named(connection_id, channel_id):
        place = _place(slack, channel_id, message, sending)
        _fill_thread(slack, place, message, sending)
    return Reference(channel=place.channel, ts=place.ts)


def check(connection_id: str, channel_id: str) -> str:
    """Ask Slack whether the token is valid and the app is in the channel; return the name of channel and workspace.

    Raises PermanentError if one of them is not so, PassingError if Slack is busy or can't be reached.
    """
    slack = _Slack(connection_id)
    with _named(connection_id, channel_id):
        team = slack.repeatable.auth_test()["team"]
        channel = slack.repeatable.conversations_info(channel=channel_id)["channel"]
    if channel.get("is_archived"):
        raise PermanentError(_refusal(connection_id, channel_id, "is_archived"))
    if not channel.get("is_member"):
        raise PermanentError(_refusal(connection_id, channel_id, "not_in_channel"))
    return f"#{channel.get('name', channel_id)} of {team}"


@dataclass(frozen=True)
class _Place:
    channel: str
    ts: str


@dataclass
class _Slack:
    """The clients of a connection, and the calls that need care because they must not be done twice."""

    connection_id: str

    @cached_property
    def repeatable(self) -> WebClient:
        """For calls that change nothing when they are repeated."""
        lost = [URLError, ConnectionResetError, RemoteDisconnected, TimeoutError, IncompleteRead]
        return self._client(
            RateLimitErrorRetryHandler(max_retry_count=TRIES),
            ServerErrorRetryHandler(max_retry_count=TRIES),
            ConnectionErrorRetryHandler(max_retry_count=TRIES, error_types=lost),
        )

    @cached_property
    def once(self) -> WebClient:
        """For calls that post: a call is repeated only if Slack has certainly not done it."""
        return self._client(RateLimitErrorRetryHandler(max_retry_count=TRIES))

    def _client(self, *handlers: Any) -> WebClient:
        from airflow.providers.slack.hooks.slack import SlackHook

        return SlackHook(slack_conn_id=self.connection_id, retry_handlers=list(handlers)).client

    def post_once(self, find: Callable[[], str | None], **arguments: Any) -> str:
        """Post, and return the ts of the message. If the answer is lost, look for the message before another try.

        find: returns the ts of the message if it is there, else None.
        """
        for attempt in _retrying(_may_have_arrived, TRIES):
            with attempt:
                found = find() if attempt.retry_state.attempt_number > 1 else None
                ts: str = found or _with_files(self.once.chat_postMessage, **arguments)["ts"]
        return ts

    def history(self, channel_id: str, since: float) -> Iterator[dict[str, Any]]:
        """Yield the channel's messages. since: the time of the oldest, in seconds since 1970 (UTC)."""
        pages = self.repeatable.conversations_history(
            channel=channel_id, oldest=f"{since:.6f}", include_all_metadata=True, limit=200
        )
        for page in islice(pages, PAGES):
            yield from page["messages"]

    def thread(self, place: _Place) -> list[dict[str, Any]]:
        """Return the replies to a message."""
        return [reply for reply in self._with_thread(place) if reply["ts"] != place.ts]

    def has(self, place: _Place) -> bool:
        """Return whether the message is still there. A deleted message that had replies leaves a tombstone."""
        try:
            found = self._with_thread(place)
        except SlackApiError as error:
            if _code(error) in ("thread_not_found", "message_not_found"):
                return False
            raise
        return any(message["ts"] == place.ts and message.get("subtype") != "tombstone" for message in found)

    def _with_thread(self, place: _Place) -> list[dict[str, Any]]:
        pages = self.repeatable.conversations_replies(
            channel=place.channel, ts=place.ts, include_all_metadata=True, limit=200
        )
        return [message for page in islice(pages, PAGES) for message in page["messages"]]

    def upload(self, file: Attachment) -> str:
        """Upload a file without sharing it, and return its id. `files_upload_v2` returns the id only after sharing."""
        given = self.repeatable.files_getUploadURLExternal(
            filename=file.name, length=len(file.content), alt_txt=file.title[:ALT_TEXT] or None
        )
        with httpx.Client(proxy=self.repeatable.proxy, timeout=self.repeatable.timeout) as client:
            for attempt in _retrying(lambda error: isinstance(error, httpx.HTTPError), TRIES):
                with attempt:
                    client.post(given["upload_url"], content=file.content).raise_for_status()
        return str(given["file_id"])

    def upload_to_show(self, file: Attachment) -> str:
        """Upload a file for a block that shows it, and return its id. If the answer is lost, nobody sees the file."""
        file_id = self.upload(file)
        self.once.files_completeUploadExternal(files=[{"id": file_id, "title": file.name}])
        return file_id

    def share(self, file_id: str, title: str, place: _Place) -> None:
        """Complete the upload of a file in the thread of a message."""
        self.once.files_completeUploadExternal(
            files=[{"id": file_id, "title": title}], channel_id=place.channel, thread_ts=place.ts
        )


def _place(slack: _Slack, channel_id: str, message: SlackMessage, sending: Sending) -> _Place:
    """Make sure that the channel shows the message, and return its place."""
    if sending.parts.ts:
        place = _Place(sending.parts.channel, sending.parts.ts)
        if slack.has(place):
            return place
        sending.prepare(ts="", note=False, shared=(), thread_files={})  # someone deleted the message and its thread

    def find() -> dict[str, Any] | None:
        since = (sending.doubtful_since or sending.begun_at) - timedelta(hours=1)  # Slack's clock can differ
        posted = slack.history(channel_id, since.timestamp())
        return next((post for post in posted if _payload(post).get("key") == sending.key), None)

    old = _Place(sending.previous.channel, sending.previous.ts) if sending.previous else None
    found = find() if sending.doubtful else None
    if found:
        old = _Place(channel_id, found["ts"])
        if _payload(found)["content_hash"] == sending.content_hash:
            replaces = sending.parts.replaces
            replaces = sending.previous is not None if replaces is None else replaces
            sending.keep(channel=old.channel, ts=old.ts, replaces=replaces)
            return old
    sending.prepare(replaces=old is not None)
    content = {
        "text": message.text,
        "blocks": _with_ids(message, _upload_images(slack, message, sending)),
        "metadata": _metadata(sending, sending.key),
    }
    new = _update(slack, old, content) if old else None
    if new is None:
        ts = slack.post_once(
            lambda: (find() or {}).get("ts"), channel=channel_id, unfurl_links=False, unfurl_media=False, **content
        )
        new = _Place(channel_id, ts)
    sending.keep(channel=new.channel, ts=new.ts)
    return new


def _update(slack: _Slack, place: _Place, content: dict[str, Any]) -> _Place | None:
    """Replace the content of the message; return None if the message is gone."""
    try:
        _with_files(slack.repeatable.chat_update, channel=place.channel, ts=place.ts, **content)
    except SlackApiError as error:
        if _code(error) in GONE:
            return None
        raise
    return place


def _upload_images(slack: _Slack, message: SlackMessage, sending: Sending) -> dict[str, str]:
    """Upload the images that the blocks show; return their ids by name."""
    ids: dict[str, str] = dict(sending.parts.images)
    for image in message.images:
        if image.name not in ids:
            ids[image.name] = _retrying(_may_have_arrived, TRIES)(slack.upload_to_show, image)
            sending.prepare(images=dict(ids))
    return ids


def _with_ids(message: SlackMessage, ids: dict[str, str]) -> list[dict[str, Any]]:
    """Return the blocks with the ids of uploaded files in place of their names."""
    blocks = copy.deepcopy(message.blocks)
    for block in blocks:
        for part in (block, block.get("accessory"), *block.get("elements", [])):
            if isinstance(part, dict) and part.get("type") == "image" and "slack_file" in part:
                part["slack_file"] = {"id": ids[part["slack_file"]["id"]]}
    return blocks


def _fill_thread(slack: _Slack, place: _Place, message: SlackMessage, sending: Sending) -> None:
    """Put the note and the files into the thread, each once."""
    note_key = f"{sending.key}.note"
    replies = slack.thread(place) if sending.doubtful else []
    if message.thread_note and sending.parts.replaces and not sending.parts.note:

        def find(replies: list[dict[str, Any]] | None = None) -> str | None:
            replies = slack.thread(place) if replies is None else replies
            return next((reply["ts"] for reply in replies if _is(reply, sending, note_key)), None)

        if not find(replies):
            metadata = _metadata(sending, note_key)
            slack.post_once(
                find, channel=place.channel, thread_ts=place.ts, text=message.thread_note, metadata=metadata
            )
        sending.keep(note=True)
    for file in message.thread_files:
        _share_once(slack, place, file, sending, replies)


def _share_once(
    slack: _Slack, place: _Place, file: Attachment, sending: Sending, replies: list[dict[str, Any]]
) -> None:
    """Put a file into the thread, unless it is there. Its id was recorded before it was shared, so it can be found."""
    ids: dict[str, str] = dict(sending.parts.thread_files)

    def is_shared(replies: list[dict[str, Any]]) -> bool:
        return any(ids.get(file.name) == shared["id"] for reply in replies for shared in reply.get("files", []))

    if is_shared(replies) or file.name in sending.parts.shared:
        return
    for attempt in _retrying(_may_have_arrived, TRIES):
        with attempt:
            if attempt.retry_state.attempt_number == 1 or not is_shared(slack.thread(place)):
                ids[file.name] = slack.upload(file)
                sending.prepare(thread_files=dict(ids))
                slack.share(ids[file.name], file.name, place)
    sending.keep(shared=(*sending.parts.shared, file.name))


def _metadata(sending: Sending, key: str) -> dict[str, Any]:
    return {"event_type": EVENT_TYPE, "event_payload": {"key": key, "content_hash": sending.content_hash}}


def _payload(message: dict[str, Any]) -> dict[str, Any]:
    metadata = message.get("metadata") or {}
    return metadata.get("event_payload") or {} if metadata.get("event_type") == EVENT_TYPE else {}


def _is(message: dict[str, Any], sending: Sending, key: str) -> bool:
    return bool(_payload(message) == _metadata(sending, key)["event_payload"])


def _retrying(when: Callable[[BaseException], bool], tries: int) -> Retrying:
    return Retrying(
        retry=retry_if_exception(when),
        stop=stop_after_attempt(tries),
        wait=wait_exponential(multiplier=0.5, max=5),
        reraise=True,
    )


def _with_files(call: Callable[..., Any], **arguments: Any) -> Any:
    """Post or update blocks. Slack refuses a block whose file it is still processing, so try again."""
    return _retrying(_waits_for_file, FILE_TRIES)(call, **arguments)


def _waits_for_file(error: BaseException) -> bool:
    if not isinstance(error, SlackApiError) or not isinstance(error.response.data, dict):
        return False
    answer = str(error.response.data).lower()
    return error.response.data.get("error") in ("invalid_blocks", "invalid_attachments") and "slack_file" in answer


def _may_have_arrived(error: BaseException) -> bool:
    """Return whether the answer was lost, or Slack failed during the call."""
    if isinstance(error, SlackApiError):
        return error.response.status_code >= 500 or _code(error) in PASSING
    return isinstance(error, OSError | HTTPException)


def _code(error: SlackApiError) -> str:
    data = error.response.data
    return str(data.get("error", "")) if isinstance(data, dict) else NO_ANSWER


@contextmanager
def _named(connection_id: str, channel_id: str) -> Iterator[None]:
    """Turn Slack's errors into PermanentError, which names the fix, or PassingError, which names the cause."""
    try:
        yield
    except SlackApiError as error:
        status, code = error.response.status_code, _code(error)
        if status == httpx.codes.TOO_MANY_REQUESTS or _may_have_arrived(error):
            raise PassingError(f"Slack is busy: it answered {status} {code} after {TRIES} tries.") from error
        raise PermanentError(_refusal(connection_id, channel_id, code, error)) from error
    except (OSError, HTTPException, httpx.HTTPError) as error:
        raise PassingError(f"Slack can't be reached: {error or type(error).__name__}.") from error


def _refusal(connection_id: str, channel_id: str, code: str, error: SlackApiError | None = None) -> str:
    answer = error.response.data if error else {}
    details = "; ".join((answer.get("response_metadata") or {}).get("messages") or []) or answer.get("needed") or ""
    fix = FIXES.get(code) or "see https://docs.slack.dev/reference/methods for what it means"
    asked = f"{code} ({details})" if details else code
    return f"Slack refuses the message for channel {channel_id} (connection {connection_id}): {asked}. Fix: {fix}."
