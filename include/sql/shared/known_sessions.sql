-- The sessions that start between $since and $as_of, as known at $as_of: the columns of fct_sessions, which shows them
-- as known at the newest extract, and the number of their events. Times are UTC.
with recent_sessions as (
    select distinct session_id
    from {{ history }}.int_session_steps
    where known_as_of <= $as_of and first_at < $as_of and first_at >= $since
),

known_steps as (
    select session_steps.*
    from recent_sessions
    inner join {{ history }}.int_session_steps as session_steps on recent_sessions.session_id = session_steps.session_id
    where session_steps.known_as_of <= $as_of and session_steps.first_at < $as_of
),

dated_steps as (
    select
        *,
        {{ session_start() }}
    from known_steps
),

sessions as (
    select
        session_id,
        started_at,
        max(last_at) as ended_at,
        cast(sum(events) as bigint) as events,
        {{ step_times() }}
    from dated_steps
    group by session_id, started_at
),

session_users as (
    {{ session_users('dated_steps') }}
),

-- A user or address that is gone has its last values.
users as (
    select
        user_id,
        address_id
    from {{ history }}.int_user_versions
    where
        as_of <= $as_of
        and pair_id in (select pairs.pair_id from {{ history }}.int_extract_pairs as pairs)
        and user_id in (select session_users.user_id from session_users)
    qualify row_number() over (partition by user_id order by as_of desc) = 1
),

addresses as (
    select
        address_id,
        state,
        country
    from {{ history }}.int_address_versions
    where
        as_of <= $as_of
        and pair_id in (select pairs.pair_id from {{ history }}.int_extract_pairs as pairs)
        and address_id in (select users.address_id from users)
    qualify row_number() over (partition by address_id order by as_of desc) = 1
)

select
    sessions.session_id,
    session_users.user_id,
    coalesce(addresses.country, 'unknown') as country,
    coalesce(addresses.state, 'unknown') as state,
    sessions.started_at,
    sessions.ended_at,
    {% for step in steps() -%}
    sessions.{{ step }}_at,
    {% endfor -%}
    sessions.events
from sessions
left join session_users on sessions.session_id = session_users.session_id
left join users on session_users.user_id = users.user_id
left join addresses on users.address_id = addresses.address_id
where sessions.started_at >= $since
