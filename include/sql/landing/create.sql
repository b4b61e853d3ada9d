-- include/dbt/models/staging/_greenery__sources.yml describes the tables that dbt reads, with all columns.
create schema if not exists landing;

create table if not exists landing.settings (week_ends_on integer not null);

-- The ledger of extracts: one row for each.
create table if not exists landing.extracts (
    extract_id varchar primary key,
    as_of timestamp not null,
    state varchar not null,
    reason varchar,
    content_hash varchar not null,
    events_since timestamp,
    accept_shrink boolean not null,
    row_counts varchar not null,
    warnings varchar not null,
    withdrawn boolean default false,
    passed_with varchar,
    accepted varchar,
    held_for varchar
);

-- The run that builds, judges and publishes. There is no row while no run does so.
create table if not exists landing.build_lock (
    run_id varchar not null,
    as_of timestamp not null,
    extract_id varchar not null,
    admitted_extracts varchar not null,
    withdrawal varchar default '',
    tests_all boolean default true,
    held_for varchar default '{}'
);

-- Always one row: the run that holds the lock, empty while no run does. An update names the holder that it has seen, so
-- only one of two runs takes the lock.
create table if not exists landing.lock_holder (run_id varchar not null);

insert into landing.lock_holder (run_id)
select coalesce(held.run_id, '') as run_id
from (select max(build_lock.run_id) as run_id from landing.build_lock) as held
where not exists (select lock_holder.run_id from landing.lock_holder);

-- The extracts of the current build, one row for each.
create table if not exists landing.build (
    as_of timestamp not null,
    extract_id varchar not null,
    events_since timestamp,
    previous_as_of timestamp,
    previous_extract_id varchar,
    pair_id varchar not null
);

-- The pairs that came into the build or left it since all models were last built and tested.
create table if not exists landing.touched_pairs (pair_id varchar not null);

-- The models that are built, with the extracts that they were built from.
create table if not exists landing.built_models (model_name varchar not null, extracts varchar not null);

-- One row for each report that exists: a hash of the admitted extracts up to its week, from which it was rendered.
create table if not exists landing.reports (
    as_of timestamp primary key,
    extracts varchar not null,
    -- The setting with which it was rendered.
    maturity_days integer
);

-- One row: the published version, and the extracts that it was built from.
create table if not exists landing.publication (
    version integer not null,
    -- Empty if a fault was found in the build of these extracts.
    extracts varchar default ''
);

-- One row a version that was published. published_at: a moment of the warehouse's clock at which readers still saw the
-- version before. Those that were rolled back are no version to go back to.
create table if not exists landing.versions (
    version integer not null,
    extracts varchar not null,
    published_at timestamp not null,
    rolled_back boolean not null
);

-- One row. models: the version of the dbt project that built the models, empty if it has changed meanwhile. extracts:
-- the extracts that they were built from when dbt's tests ran last, null before. failed: the tests that failed, as
-- JSON, null as soon as a run builds from other extracts. is_tested: whether all that is built has passed the tests.
create table if not exists landing.built_with (
    models varchar not null,
    extracts varchar,
    failed varchar,
    is_tested boolean not null
);
