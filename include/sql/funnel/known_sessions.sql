-- The sessions as known as of $as_of, with their user and place, and with the properties by which they are grouped.
-- visitor is `new` in the first session of a user. start_week is the day on which the session's week starts. Times are
-- UTC. It reads `steps`, the result of known_steps.sql.
with sessions as (
    select
        session_id,
        started_at,
        max(last_at) as ended_at,
        {{ step_times() }}
    from steps
    group by session_id, started_at
),

session_users as (
    {{ session_users('steps') }}
),

-- A user or address that is gone has its last values.
users as (
    select
        user_id,
        address_id
    from intermediate.int_user_versions
    where as_of <= $as_of
    qualify row_number() over (partition by user_id order by as_of desc) = 1
),

addresses as (
    select
        address_id,
        state,
        country
    from intermediate.int_address_versions
    where as_of <= $as_of
    qualify row_number() over (partition by address_id order by as_of desc) = 1
),

placed as (
    select
        sessions.*,
        session_users.user_id,
        coalesce(addresses.country, 'unknown') as country,
        coalesce(addresses.state, 'unknown') as state,
        cast(sessions.started_at as date) as start_day,
        {{ weeks_to_end('sessions.started_at') }} as weeks_to_end
    from sessions
    left join session_users on sessions.session_id = session_users.session_id
    left join users on session_users.user_id = users.user_id
    left join addresses on users.address_id = addresses.address_id
)

select
    session_id,
    started_at,
    ended_at,
    country,
    state,
    start_day,
    cast($as_of - weeks_to_end * interval '7 days' as date) as start_week,
    cast(date_trunc('month', started_at) as date) as start_month,
    case mod(mod(datediff('day', date '1900-01-01', start_day), 7) + 7, 7)
        when 0 then 'monday'
        when 1 then 'tuesday'
        when 2 then 'wednesday'
        when 3 then 'thursday'
        when 4 then 'friday'
        when 5 then 'saturday'
        when 6 then 'sunday'
    end as weekday,
    case
        when user_id is null then 'unknown'
        when row_number() over (partition by user_id order by started_at, session_id) = 1 then 'new'
        else 'returning'
    end as visitor,
    page_view_at,
    add_to_cart_at,
    checkout_at,
    package_shipped_at
from placed
order by started_at
