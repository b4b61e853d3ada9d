-- The sessions of a selection: they start in [$first, $until), and match each list of values that is given.
select
    session_number,
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
from sessions
where
    started_at >= $first
    and started_at < $until
    and ($any_country or country in ($country))
    and ($any_state or state in ($state))
    and ($any_weekday or weekday in ($weekday))
    and ($any_visitor or visitor in ($visitor))
