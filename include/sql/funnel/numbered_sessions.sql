-- The sessions of known_sessions.sql with a number each: numbers are joined faster than ids.
select
    row_number() over (order by started_at, session_id) as session_number,
    session_id,
    started_at,
    ended_at,
    country,
    state,
    start_day,
    start_week,
    start_month,
    weekday,
    visitor,
    page_view_at,
    add_to_cart_at,
    checkout_at,
    package_shipped_at
from known_sessions
order by session_number
