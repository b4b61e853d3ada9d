create schema if not exists landing;

create table if not exists landing.settings (week_ends_on integer not null);

-- One row an extract. At most two share an as_of: the one in use, and one landed again that the next build of
-- its week takes up.
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
    -- Held by a person's word, so that only a person's word (reextract) brings it back.
    withdrawn boolean default false,
    -- The other extracts that it was built on when the quality gate passed it.
    passed_with varchar,
    -- Why failed checks of the quality gate were accepted, and which, as JSON.
    accepted varchar,
    -- What the failed critical checks said when it was held, by check, as JSON: only that can be accepted.
    held_for varchar
);

-- The run that builds, judges and publishes, with its week, and the other extracts that it builds on; no row while
-- nobody does.
create table if not exists landing.build_lock (
    run_id varchar not null,
    as_of timestamp not null,
    extract_id varchar not null,
    admitted_extracts varchar not null,
    -- Why the week's extract is left out of the build, empty where it is part of it.
    withdrawal varchar default '',
    -- Whether dbt's tests look at all that is built, because not all of what was there before had passed them.
    tests_all boolean default true,
    -- What the extract was held for before the run took the lock, as in landing.extracts: only this can be accepted.
    held_for varchar default '{}'
);

-- One row for good: the run that holds the lock, empty while nobody does. Whoever changes it names what it has seen
-- there, so of two runs only one takes it.
create table if not exists landing.lock_holder (run_id varchar not null);

insert into landing.lock_holder (run_id)
select coalesce(held.run_id, '') as run_id
from (select max(build_lock.run_id) as run_id from landing.build_lock) as held
where not exists (select lock_holder.run_id from landing.lock_holder);

-- What the models are built from now: one row an extract, with the one before it.
create table if not exists landing.build (
    as_of timestamp not null,
    extract_id varchar not null,
    events_since timestamp,
    previous_as_of timestamp,
    previous_extract_id varchar,
    pair_id varchar not null
);

-- The pairs that came into the build or left it since all models were last built to the end and tested.
create table if not exists landing.touched_pairs (pair_id varchar not null);

-- The models that are built, with the extracts that they were built from.
create table if not exists landing.built_models (model_name varchar not null, extracts varchar not null);

-- One row a report that is there: a hash of the admitted extracts up to its week that it was rendered from.
create table if not exists landing.reports (
    as_of timestamp primary key,
    extracts varchar not null,
    -- The setting that it was rendered with.
    maturity_days integer
);

-- One row: which version of the published relations holds the admitted extracts.
create table if not exists landing.publication (
    version integer not null,
    -- Those it was built from; empty once something was found wrong with what is built of them.
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

-- One row: the version of the dbt project that built the models, empty where it changed meanwhile; the extracts that
-- they were built from when dbt's tests ran last, null before; the tests that failed, as JSON, null from when a run
-- builds from others. is_tested: all that is built has passed them.
create table if not exists landing.built_with (
    models varchar not null,
    extracts varchar,
    failed varchar,
    is_tested boolean not null
);
