"""How Greenery weekly does its work: importable Python that Airflow never parses as a DAG."""
