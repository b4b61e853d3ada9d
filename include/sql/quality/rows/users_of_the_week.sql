-- The users of the sessions of the week that ends at $as_of, with the number of sessions that each started, and the
-- number that would be a flood: 30, a tenth of all, and five times as many as in the eight weeks before.
with week_size as (
    select count(*) as sessions from quality_sessions
    where weeks_ago = 0
),

users as (
    select
        user_id,
        count(case when weeks_ago = 0 then 1 end) as sessions,
        cast(count(case when weeks_ago > 0 then 1 end) as double) / 8 as sessions_before
    from quality_sessions
    where user_id is not null
    group by user_id
)

select
    users.user_id,
    users.sessions,
    case
        when 5 * users.sessions_before > 30 and 5 * users.sessions_before > 0.1 * week_size.sessions
            then 5 * users.sessions_before
        when 0.1 * week_size.sessions > 30 then 0.1 * week_size.sessions
        else 30
    end as sessions_of_a_flood
from users
cross join week_size
where users.sessions > 0
