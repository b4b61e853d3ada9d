-- The sessions as known as of $as_of, with a number each, and with the properties by which they are grouped. Numbers
-- are joined faster than ids. visitor is `new` in the first session of a user. start_week is the day on which the week
-- of the session starts. Times are UTC.
with aged as (
    select
        *,
        cast(started_at as date) as start_day,
        {{ weeks_to_end('started_at') }} as weeks_to_end
    from {{ sessions }}
)

select
    row_number() over (order by started_at, session_id) as session_number,
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
from aged
order by session_number
