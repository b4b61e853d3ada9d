-- The users of the sessions of the week that ends at $as_of, with the number of sessions that each started, and the
-- number that would be a flood: 30, a tenth of all, and five times as many as in the eight weeks before.
with week_size as (
    select count(*) as sessions from quality_sessions
),

users as (
    select
        user_id,
        count(*) as sessions
    from quality_sessions
    where user_id is not null
    group by user_id
),

users_before as (
    select
        user_id,
        cast(count(*) as double) / 8 as sessions_before
    from {{ sessions }}
    where
        started_at >= $as_of - interval '63 days'
        and started_at < $as_of - interval '7 days'
        and user_id in (select users.user_id from users)
    group by user_id
),

compared as (
    select
        users.user_id,
        users.sessions,
        coalesce(users_before.sessions_before, 0) as sessions_before
    from users
    left join users_before on users.user_id = users_before.user_id
)

select
    compared.user_id,
    compared.sessions,
    case
        when 5 * compared.sessions_before > 30 and 5 * compared.sessions_before > 0.1 * week_size.sessions
            then 5 * compared.sessions_before
        when 0.1 * week_size.sessions > 30 then 0.1 * week_size.sessions
        else 30
    end as sessions_of_a_flood
from compared
cross join week_size
