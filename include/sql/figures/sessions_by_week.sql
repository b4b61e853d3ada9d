-- The funnel by week as it was known as of $as_of. One row a week that has sessions; weeks_ago 0 is the week that
-- ends at $as_of. Times are UTC.
with known_steps as (
    select *
    from intermediate.int_session_steps
    where known_as_of <= $as_of and first_at < $as_of
),

sessions as (
    select
        session_id,
        min(first_at) as started_at,
        min(case when event_type = 'page_view' then first_at end) as page_view_at,
        min(case when event_type = 'add_to_cart' then first_at end) as add_to_cart_at,
        min(case when event_type = 'checkout' then first_at end) as checkout_at,
        min(case when event_type = 'package_shipped' then first_at end) as package_shipped_at
    from known_steps
    group by session_id
),

-- A session that starts at the very instant of a week's end belongs to the week after it.
by_week as (
    select
        *,
        cast(ceil(datediff('microsecond', started_at, $as_of) / 604800000000.0) as integer) - 1 as weeks_ago
    from sessions
),

with_week_end as (
    select
        *,
        $as_of - weeks_ago * interval '7 days' as week_end
    from by_week
)

select
    weeks_ago,
    count(*) as sessions,
    count(page_view_at) as page_view,
    count(add_to_cart_at) as add_to_cart,
    count(checkout_at) as checkout,
    count(package_shipped_at) as package_shipped,
    count(case when package_shipped_at < week_end then 1 end) as shipped_by_week_end,
    count(case when checkout_at is not null and package_shipped_at is null then 1 end) as checkouts_not_shipped,
    min(started_at) as first_started_at,
    max(started_at) as last_started_at
from with_week_end
group by weeks_ago
order by weeks_ago
