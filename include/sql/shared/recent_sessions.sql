-- The sessions that start in the week that ends at $as_of or in the eight weeks before it, as known then, with their
-- user and place. weeks_ago 0 is the week that ends at $as_of. Times are UTC.
with recent_sessions as (
    select distinct session_id
    from {{ history }}.int_session_steps
    where known_as_of <= $as_of and first_at < $as_of and first_at >= $as_of - interval '63 days'
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
),

aged as (
    select
        *,
        {{ weeks_ago('started_at') }} as weeks_ago
    from sessions
)

select
    aged.*,
    cast(
        floor(
            168 * (aged.weeks_ago + 1)
            - cast(datediff('microsecond', aged.started_at, $as_of) as double) / 3600000000
        ) as integer
    ) as hour_of_week,
    session_users.user_id,
    addresses.country,
    addresses.state
from aged
left join session_users on aged.session_id = session_users.session_id
left join users on session_users.user_id = users.user_id
left join addresses on users.address_id = addresses.address_id
where aged.weeks_ago between 0 and 8
