"""The channels, with the connection and the setting that each needs, and which of these are missing or wrong. No
channel is called."""

from __future__ import annotations

import ipaddress
import re
from email.utils import parseaddr
from typing import Any
from urllib.parse import urlsplit

import idna
from pydantic import BaseModel

from greenery.settings import Settings, is_set

CHANNEL_ID = re.compile(r"[CGD][A-Z0-9]{8,}")
ADDRESS = re.compile(r"[^@\s<>,]+@[^@\s<>,]+")


class Channel(BaseModel, frozen=True):
    """A channel for messages.

    name: its name in the ledger.
    connection_id: the id of its connection in Airflow.
    setting: the environment variable that names the receivers; empty if the connection does.
    """

    name: str
    connection_id: str
    setting: str

    @property
    def is_slack(self) -> bool:
        """Whether the channel is in Slack."""
        return self.name.startswith("slack")


SLACK = Channel(name="slack", connection_id="greenery_slack", setting="GREENERY_SLACK_CHANNEL")
EMAIL = Channel(name="email", connection_id="greenery_email", setting="GREENERY_EMAIL_TO")
SLACK_ALERTS = Channel(name="slack_alerts", connection_id="greenery_slack_alerts", setting="GREENERY_ALERT_CHANNEL")
EMAIL_ALERTS = Channel(name="email_alerts", connection_id="greenery_email_alerts", setting="GREENERY_ALERT_EMAIL_TO")
PAGERDUTY = Channel(name="pagerduty", connection_id="greenery_pagerduty", setting="")
CHANNELS = {channel.name: channel for channel in (SLACK, EMAIL, SLACK_ALERTS, EMAIL_ALERTS, PAGERDUTY)}
DIGEST_CHANNELS = (SLACK.name, EMAIL.name)
ALERT_CHANNELS = (PAGERDUTY.name, SLACK_ALERTS.name, EMAIL_ALERTS.name)
# If no channel is on, messages go to this one: a folder of files.
OUTBOX = "outbox"


class Readiness(BaseModel, frozen=True):
    """Whether a channel can be used.

    off: the missing connection or setting, which switches the channel off; empty if nothing is missing.
    wrong: why the configured connection or setting can't be used; empty if it can.
    is_unknown: whether this process can't know if the channel is configured at all.
    """

    off: str = ""
    wrong: str = ""
    is_unknown: bool = False

    @property
    def is_on(self) -> bool:
        """Whether messages go to this channel. Its configuration may still be wrong."""
        return not self.off


def readiness(settings: Settings, channel: Channel) -> Readiness:
    """Return whether a channel is on and whether its configuration can work. The channel is not called."""
    from airflow.sdk.exceptions import AirflowSecretsBackendAccessDenied

    variable = f"AIRFLOW_CONN_{channel.connection_id.upper()}"
    targets = target(settings, channel)
    try:
        connection = _connection(channel.connection_id)
    except AirflowSecretsBackendAccessDenied:
        if channel.setting and not targets:
            return Readiness(off=f"{channel.name} is off: set {channel.setting} to use it.")
        return Readiness(
            wrong=f"{channel.name} can't be used here: {unreadable(channel)}", is_unknown=not channel.setting
        )
    if connection is None:
        if is_set(variable):
            return Readiness(wrong=f"{channel.name} can't be used: {variable} is not read. Write it as a JSON object.")
        return Readiness(
            off=f"{channel.name} is off: add the connection {channel.connection_id} ({variable}) to use it."
        )
    if channel.setting and not targets:
        return Readiness(off=f"{channel.name} is off: set {channel.setting} to use the connection.")
    if not isinstance(connection.extra_dejson, dict):
        problem = f"The extra of the connection {channel.connection_id} is not a JSON object: write it as {{…}}."
        return Readiness(wrong=f"{channel.name} can't be used: {problem}")
    if channel.is_slack:
        problems = _slack_problems(channel, connection, targets[0])
    elif channel.name.startswith("email"):
        problems = _email_problems(settings, channel, connection, targets)
    else:
        problems = _pagerduty_problems(channel, connection)
    return Readiness(wrong=f"{channel.name} can't be used: {' '.join(problems)}" if problems else "")


def problems(settings: Settings) -> list[str]:
    """Return one line for each channel whose configuration is wrong, for the log at the start of a run."""
    found = (readiness(settings, channel) for channel in CHANNELS.values())
    return [one.wrong for one in found if one.wrong]


def target(settings: Settings, channel: Channel) -> tuple[str, ...]:
    """Return the receivers of the channel: ids of Slack channels, or mail addresses; empty if no setting names them."""
    targets = {
        SLACK: (settings.slack_channel,),
        EMAIL: settings.email_to,
        SLACK_ALERTS: (settings.alert_channel,),
        EMAIL_ALERTS: settings.alert_email_to,
    }
    return tuple(filter(None, targets.get(channel, ())))


def unreadable(channel: Channel) -> str:
    """Return a text that says why the callback of a deadline can't read the connection of a channel, and what to do."""
    variable = f"AIRFLOW_CONN_{channel.connection_id.upper()}"
    return (
        "the alert that a digest is late comes from the callback of a deadline, and Airflow lets a callback read no "
        f"connection of its metadata database. Put {channel.connection_id} into the environment ({variable}) or into "
        "a secrets backend."
    )


def callbacks_can_read(channel: Channel) -> bool:
    """Return whether the callback of a deadline can read the connection of a channel.

    A callback can read connections from the environment and from a secrets backend, but not from the metadata database.
    """
    from airflow.configuration import initialize_secrets_backends

    backends = initialize_secrets_backends(["airflow.secrets.environment_variables.EnvironmentVariablesBackend"])
    return any(backend.get_connection(channel.connection_id) for backend in backends)


def _connection(connection_id: str) -> Any:
    """Return Airflow's connection; None if there is none or it can't be parsed.

    Raises AirflowSecretsBackendAccessDenied where this process may not read it.
    """
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowException

    try:
        return BaseHook.get_connection(connection_id)
    except AirflowException:
        return None


def _slack_problems(channel: Channel, connection: Any, target: str) -> list[str]:
    problems = _address_problems(channel, connection)
    if not (connection.password or "").startswith("xox"):
        problems.append(
            f"The password of the connection {channel.connection_id} is not a Slack token: "
            "put the app's bot token (xoxb-…) there."
        )
    if not CHANNEL_ID.fullmatch(target):
        problems.append(
            f"{channel.setting}={target} is not a channel id: write the id (C…), which Slack shows at the end of "
            "the channel's details."
        )
    return problems


def _email_problems(settings: Settings, channel: Channel, connection: Any, targets: tuple[str, ...]) -> list[str]:
    name, extra = channel.connection_id, connection.extra_dejson
    problems = []
    if not connection.host:
        problems.append(f"The connection {name} has no host.")
    flags = [extra.get(flag, False) for flag in ("disable_tls", "disable_ssl")]
    if not all(isinstance(flag, bool) for flag in flags):
        problems.append(
            f"disable_tls and disable_ssl of the connection {name} must be true or false; a connection in the form "
            "of a URI makes a text of them, which counts as true: write it as JSON."
        )
    elif not any(flags):
        from greenery.channels.mail import STARTTLS

        problems.append(f"The connection {name} asks for TLS twice: {STARTTLS}.")
    elif all(flags) and connection.password and not _is_loopback(connection.host or ""):
        problems.append(f"The connection {name} would send its password in the clear: leave disable_tls out.")
    for address in targets:
        if not ADDRESS.fullmatch(parseaddr(address)[1]):
            problems.append(f"{channel.setting}: {address!r} is not an address, such as ada@example.com.")
        else:
            problems += _not_ascii(channel.setting, address)
    sender = settings.email_from or extra.get("from_email") or ""
    if not ADDRESS.fullmatch(parseaddr(sender)[1]):
        problems.append(f"The sender {sender!r} is not an address: set GREENERY_EMAIL_FROM.")
    else:
        problems += _not_ascii("GREENERY_EMAIL_FROM" if settings.email_from else f"from_email of {name}", sender)
    return problems


def _not_ascii(setting: str, address: str) -> list[str]:
    """Return why an address can't be written in ASCII, which every mail server accepts; empty if it can."""
    try:
        local = parseaddr(in_ascii(address))[1].rpartition("@")[0]
    except idna.IDNAError as error:
        return [f"{setting}: the domain of {address!r} is no domain ({error})."]
    if local.isascii():
        return []
    needs = "has letters before the @ that only a server with SMTPUTF8 takes"
    return [f"{setting}: {address!r} {needs}. Use an address that is ASCII before the @."]


def in_ascii(address: str) -> str:
    """Return an address with its domain in ASCII (IDNA). Its name, and the part before the @, stay as they are.

    Raises idna.IDNAError if the domain can't be written so.
    """
    plain = parseaddr(address)[1]
    local, _, domain = plain.rpartition("@")
    if domain.isascii():
        return address
    return address.replace(plain, f"{local}@{idna.encode(domain, uts46=True).decode()}")


def _pagerduty_problems(channel: Channel, connection: Any) -> list[str]:
    problems = _address_problems(channel, connection)
    if not re.fullmatch(r"[0-9A-Za-z]{32}", connection.password or ""):
        problems.append(
            f"The routing key of the connection {channel.connection_id} is not 32 letters and digits: put the "
            "integration key of an Events API v2 integration into its password."
        )
    return problems


def _address_problems(channel: Channel, connection: Any) -> list[str]:
    address = connection.extra_dejson.get("base_url")
    if not address or is_private(str(address)):
        return []
    return [f"base_url in the extra of the connection {channel.connection_id} is {address}: begin it with https://."]


def is_private(address: str) -> bool:
    """Return whether nobody else can read the traffic to an address: it uses TLS, or stays on this machine."""
    parts = urlsplit(address)
    return bool(parts.hostname) and (parts.scheme == "https" or _is_loopback(parts.hostname or ""))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
