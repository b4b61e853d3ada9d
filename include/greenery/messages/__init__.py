"""Words and layout of the report, the digest and the alerts, for page, Slack and mail. Nothing here reads or writes."""
