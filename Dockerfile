# The production image: the official Airflow image with this repository's lock and tree.
# Its Python must be one that requirements.txt is compiled for.
FROM apache/airflow:3.3.2-python3.12

COPY --chown=airflow:0 requirements.txt /opt/airflow/
RUN pip install --no-cache-dir --no-deps -r /opt/airflow/requirements.txt

COPY --chown=airflow:0 dags /opt/airflow/dags
COPY --chown=airflow:0 include /opt/airflow/include
COPY --chown=airflow:0 plugins /opt/airflow/plugins
COPY --chown=airflow:0 pyproject.toml /opt/airflow/
# The command `greenery`.
RUN pip install --no-cache-dir --no-deps --no-build-isolation -e /opt/airflow

ENV PYTHONPATH=/opt/airflow/include \
    GREENERY_HOME=/opt/airflow/greenery \
    AIRFLOW__CORE__LOAD_EXAMPLES=False \
    AIRFLOW__COSMOS__DBT_DOCS_PROJECTS='{"greenery": {"dir": "/opt/airflow/include/dbt/target", "name": "Models"}}'

# The manifest is made here, so that no component of Airflow has to import dbt to read the DAG. So is the documentation
# of the models, which Cosmos serves.
WORKDIR /opt/airflow/include/dbt
RUN mkdir -m 700 /opt/airflow/greenery && dbt --quiet parse --profiles-dir profiles \
    && dbt --quiet docs generate --empty-catalog --no-compile --profiles-dir profiles

WORKDIR /opt/airflow
USER 50000
