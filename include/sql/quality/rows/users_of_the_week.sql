-- The users of the week's sessions, with how many sessions they started in it and in the eight weeks before.
with week_size as (
    select count(*) as sessions from quality_sessions
    where weeks_ago = 0
),

users as (
    select
        user_id,
        count(case when weeks_ago = 0 then 1 end) as sessions,
        count(case when weeks_ago > 0 then 1 end) / 8.0 as sessions_before
    from quality_sessions
    where user_id is not null
    group by user_id
)

select
    users.user_id,
    users.sessions,
    users.sessions >= 30
    and users.sessions >= 0.1 * week_size.sessions
    and users.sessions >= 5 * users.sessions_before as no_user_floods
from users
cross join week_size
where users.sessions > 0
