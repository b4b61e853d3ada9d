-- The funnel of the selected sessions, one row a value of $by. shipped_at_equal_age counts those shipped by the end of
-- their own week; not_shipped counts checkouts that may still ship, in sessions that start at $young_from or later.
select
    case $by
        when 'day' then cast(start_day as varchar)
        when 'week' then cast(start_week as varchar)
        when 'month' then cast(start_month as varchar)
        when 'country' then country
        when 'state' then state
        when 'visitor' then visitor
        when 'weekday' then weekday
    end as value,
    count(*) as sessions,
    count(page_view_at) as page_view,
    count(add_to_cart_at) as add_to_cart,
    count(checkout_at) as checkout,
    count(package_shipped_at) as package_shipped,
    -- A time before the session's start does not say when the package was shipped.
    count(
        case when package_shipped_at >= started_at and package_shipped_at < start_week + interval '7 days' then 1 end
    ) as shipped_at_equal_age,
    count(
        case when checkout_at is not null and package_shipped_at is null and started_at >= $young_from then 1 end
    ) as not_shipped
from selected
group by 1
order by 1
