-- What Greenery weekly needs in a Snowflake account. An account administrator runs it once, as one script in Snowsight.
-- Running it again changes nothing that is as it says. Replace the names where yours differ: database greenery,
-- warehouse greenery, roles greenery_pipeline and greenery_reader, user greenery.

-- To make roles, users and grants.
use role accountadmin;

-- Kept apart from other work, so that its cost is seen and capped. It sleeps a minute after the last statement.
create warehouse if not exists greenery
warehouse_size = 'XSMALL'
auto_suspend = 60
auto_resume = true
initially_suspended = true;

-- A run that gets stuck can't cost more than this a month; people hear of it at 80 %.
create resource monitor if not exists greenery
with credit_quota = 50 frequency = monthly start_timestamp = immediately
triggers on 80 percent do notify on 100 percent do suspend;
alter warehouse greenery set resource_monitor = greenery;

-- The pipeline makes its schemas and tables in it. Time Travel keeps a day: rows of a person who was erased can be read
-- for a day longer, then for seven days by Snowflake's support alone (docs/snowflake.md).
create database if not exists greenery data_retention_time_in_days = 1;

-- What the pipeline does: land, build, judge and publish.
create role if not exists greenery_pipeline;
grant usage, operate on warehouse greenery to role greenery_pipeline;
grant usage, create schema on database greenery to role greenery_pipeline;
-- So that an administrator sees what the pipeline owns.
grant role greenery_pipeline to role sysadmin;

-- Made here, by the role that fills them, so that readers can be given them before the first run.
use role greenery_pipeline;
create schema if not exists greenery.landing;
create schema if not exists greenery.analytics;
create schema if not exists greenery.history;
use role accountadmin;

-- Analysts and tools: what is published, and nothing that is unjudged.
create role if not exists greenery_reader;
grant usage on warehouse greenery to role greenery_reader;
grant usage on database greenery to role greenery_reader;
grant usage on schema greenery.analytics to role greenery_reader;
grant select on all tables in schema greenery.analytics to role greenery_reader;
-- Of tables that a new mart adds, too.
grant select on future tables in schema greenery.analytics to role greenery_reader;
grant role greenery_reader to role sysadmin;

-- The user of Airflow's connection. It has no password: add its public key with
-- alter user greenery set rsa_public_key = '…'.
create user if not exists greenery
    type = service
    default_role = greenery_pipeline
    default_warehouse = greenery
    default_namespace = greenery;
grant role greenery_pipeline to user greenery;
-- In dbt's sessions too a time is UTC and has no zone.
alter user greenery set timezone = 'UTC' timestamp_type_mapping = 'TIMESTAMP_NTZ';
-- A statement that hangs ends after an hour, and one whose client was lost after five minutes.
alter user greenery set statement_timeout_in_seconds = 3600 abort_detached_query = true;
