-- The sessions that start in the week that ends at $as_of, as known then, and whether fct_sessions has them.
with week_sessions as (
    select * from quality_sessions
),

mart_sessions as (
    select distinct session_id
    from marts.fct_sessions
    where session_id in (select week_sessions.session_id from week_sessions)
),

users_before as (
    select
        user_id,
        address_id
    from intermediate.int_user_versions
    where as_of < $as_of and pair_id in (select pairs.pair_id from intermediate.int_extract_pairs as pairs)
    qualify row_number() over (partition by user_id order by as_of desc) = 1
),

addresses_before as (
    select
        address_id,
        state,
        country
    from intermediate.int_address_versions
    where as_of < $as_of and pair_id in (select pairs.pair_id from intermediate.int_extract_pairs as pairs)
    qualify row_number() over (partition by address_id order by as_of desc) = 1
),

-- The users whose place is known from the extracts before.
places_before as (
    select users_before.user_id
    from users_before
    inner join addresses_before on users_before.address_id = addresses_before.address_id
    where addresses_before.country is not null and addresses_before.state is not null
),

average as (
    select avg(cast(events as double)) as events from week_sessions
),

copies as (
    select
        user_id,
        started_at,
        ended_at,
        events,
        count(*) as sessions
    from week_sessions
    where user_id is not null and events >= 2
    group by user_id, started_at, ended_at, events
)

select
    week_sessions.session_id,
    week_sessions.user_id,
    week_sessions.started_at,
    week_sessions.events,
    mart_sessions.session_id as mart_session_id,
    coalesce(copies.sessions, 1) as copies,
    case when average.events > 5 then 20 * average.events else 100 end as events_of_a_machine,
    case
        when week_sessions.country <> 'unknown' and week_sessions.state <> 'unknown' then week_sessions.country
    end as place,
    places_before.user_id is not null as place_was_known
from week_sessions
cross join average
left join mart_sessions on week_sessions.session_id = mart_sessions.session_id
left join places_before on week_sessions.user_id = places_before.user_id
left join copies
    on
        week_sessions.user_id = copies.user_id
        and week_sessions.started_at = copies.started_at
        and week_sessions.ended_at = copies.ended_at
        and week_sessions.events = copies.events
