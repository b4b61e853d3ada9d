create schema if not exists landing;

create table if not exists landing.settings (week_ends_on integer not null);

-- One row an extract. At most two share an as_of: the one in use, and one landed again that the next build of
-- its week takes up.
create table if not exists landing.extracts (
    extract_id varchar primary key,
    as_of timestamp not null,
    state varchar not null check (state in ('landed', 'admitted', 'held')),
    reason varchar,
    content_hash varchar not null,
    events_since timestamp,
    accept_shrink boolean not null,
    row_counts varchar not null,
    warnings varchar not null
);

-- The run that builds, judges and publishes, with its week, and the other extracts that it builds on; no row while
-- nobody does.
create table if not exists landing.build_lock (
    run_id varchar not null,
    as_of timestamp not null,
    extract_id varchar not null,
    admitted_extracts varchar not null
);

-- Which pairs of neighbouring extracts each incremental model holds.
create table if not exists landing.built_pairs (
    model_name varchar not null,
    pair_id varchar not null
);

-- One row: which version of the published relations holds the admitted extracts.
create table if not exists landing.publication (version integer not null);
