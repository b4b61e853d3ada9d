"""Slack, mail, PagerDuty and the outbox, and the ledger of sent messages."""
