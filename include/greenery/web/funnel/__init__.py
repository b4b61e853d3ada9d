"""The funnel page in Airflow: an API on what is published, and a page that shows it."""
