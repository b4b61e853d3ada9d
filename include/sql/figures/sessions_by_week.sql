-- The funnel by week as it was known as of $as_of. One row a week that has sessions; weeks_ago 0 is the week that
-- ends at $as_of. Times are UTC.
with known_steps as (
    select *
    from intermediate.int_session_steps
    where known_as_of <= $as_of and first_at < $as_of
),

-- A backdated event does not date a session that has any other event. A time before the session's start counts only if
-- the step has no other.
dated_steps as (
    select
        *,
        coalesce(
            min(case when backdated_at is null then first_at end) over (partition by session_id),
            min(first_at) over (partition by session_id)
        ) as started_at
    from known_steps
),

sessions as (
    select
        session_id,
        started_at,
        coalesce(
            min(case when event_type = 'page_view' and first_at >= started_at then first_at end),
            min(case when event_type = 'page_view' then first_at end)
        ) as page_view_at,
        coalesce(
            min(case when event_type = 'add_to_cart' and first_at >= started_at then first_at end),
            min(case when event_type = 'add_to_cart' then first_at end)
        ) as add_to_cart_at,
        coalesce(
            min(case when event_type = 'checkout' and first_at >= started_at then first_at end),
            min(case when event_type = 'checkout' then first_at end)
        ) as checkout_at,
        coalesce(
            min(case when event_type = 'package_shipped' and first_at >= started_at then first_at end),
            min(case when event_type = 'package_shipped' then first_at end)
        ) as package_shipped_at
    from dated_steps
    group by session_id, started_at
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
    -- A time before the session's start does not say when the package was shipped.
    count(case when package_shipped_at >= started_at and package_shipped_at < week_end then 1 end)
        as shipped_by_week_end,
    count(case when checkout_at is not null and package_shipped_at is null then 1 end) as checkouts_not_shipped
from with_week_end
group by weeks_ago
order by weeks_ago
