"""The channels that alerts and held notices go out on: which are there, and how each is sent to."""

from __future__ import annotations

from typing import Any

from greenery.alerts import pagerduty
from greenery.delivery import mail, outbox, slack
from greenery.delivery.ledger import Sending
from greenery.report.messages import MailMessage, SlackMessage
from greenery.settings import Settings

ALERT_CHANNELS = ("pagerduty", "slack_alerts", "email_alerts")
DIGEST_CHANNELS = ("slack", "email")
