-- The funnel of the selected sessions, one row for each value of $by. shipped_at_equal_age counts the sessions that
-- shipped before the end of their own week. not_shipped counts checkouts that may still ship, in sessions that start at
-- $young_from or later.
with by_value as (
    select
        case $by
            when 'day' then start_day when 'week' then start_week when 'month' then start_month
        end as period_start,
        case $by
            when 'country' then country when 'state' then state when 'visitor' then visitor when 'weekday' then weekday
        end as text_value,
        count(*) as sessions,
        count(page_view_at) as page_view,
        count(add_to_cart_at) as add_to_cart,
        count(checkout_at) as checkout,
        count(package_shipped_at) as package_shipped,
        -- A time before the session's start does not say when the package was shipped.
        count(
            case
                when package_shipped_at >= started_at and package_shipped_at < start_week + interval '7 days' then 1
            end
        ) as shipped_at_equal_age,
        count(
            case when checkout_at is not null and package_shipped_at is null and started_at >= $young_from then 1 end
        ) as not_shipped
    from selected
    group by 1, 2
)

select
    coalesce(cast(period_start as varchar), text_value) as value,
    sessions,
    page_view,
    add_to_cart,
    checkout,
    package_shipped,
    shipped_at_equal_age,
    not_shipped
from by_value
order by 1
