"""The pages that Airflow serves behind its login."""
