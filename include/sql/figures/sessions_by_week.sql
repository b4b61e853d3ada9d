-- The funnel by week as known as of $as_of, one row for each week that has sessions. weeks_ago 0 is the week that ends
-- at $as_of. Times are UTC.
with by_week as (
    select
        *,
        {{ weeks_ago('started_at') }} as weeks_ago
    from {{ sessions }}
),

with_week_end as (
    select
        *,
        datediff('microsecond', package_shipped_at, $as_of) > weeks_ago * 604800000000 as is_shipped_by_week_end
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
    count(case when package_shipped_at >= started_at and is_shipped_by_week_end then 1 end)
        as shipped_by_week_end,
    count(case when checkout_at is not null and package_shipped_at is null then 1 end) as checkouts_not_shipped,
    min(started_at) as first_started_at,
    max(started_at) as last_started_at
from with_week_end
group by weeks_ago
order by weeks_ago
