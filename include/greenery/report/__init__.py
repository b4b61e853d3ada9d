"""The weekly report: rows in, text out. Nothing here knows of Airflow or of a database."""
