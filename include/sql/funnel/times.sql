-- The time from each step to the next in the selected sessions that reached it after the step before, or in the same
-- instant: one row a step and value of $by. A time before the session's start, of a backdated event, says nothing.
with moves as (
    select
        'add_to_cart' as step,
        start_day,
        start_week,
        start_month,
        datediff('microsecond', page_view_at, add_to_cart_at) as microseconds
    from selected
    where page_view_at <= add_to_cart_at and page_view_at >= started_at
    union all
    select
        'checkout' as step,
        start_day,
        start_week,
        start_month,
        datediff('microsecond', add_to_cart_at, checkout_at) as microseconds
    from selected
    where add_to_cart_at <= checkout_at and add_to_cart_at >= started_at
    union all
    select
        'package_shipped' as step,
        start_day,
        start_week,
        start_month,
        datediff('microsecond', checkout_at, package_shipped_at) as microseconds
    from selected
    where checkout_at <= package_shipped_at and checkout_at >= started_at
)

select
    step,
    case $by
        when 'day' then cast(start_day as varchar)
        when 'week' then cast(start_week as varchar)
        when 'month' then cast(start_month as varchar)
    end as value,
    count(*) as sessions,
    percentile_cont(0.1) within group (order by microseconds) as percentile_10,
    percentile_cont(0.25) within group (order by microseconds) as percentile_25,
    percentile_cont(0.5) within group (order by microseconds) as percentile_50,
    percentile_cont(0.75) within group (order by microseconds) as percentile_75,
    percentile_cont(0.9) within group (order by microseconds) as percentile_90,
    count(case when microseconds < 60000000 then 1 end) as under_1_minute,
    count(case when microseconds < 300000000 then 1 end) as under_5_minutes,
    count(case when microseconds < 900000000 then 1 end) as under_15_minutes,
    count(case when microseconds < 3600000000 then 1 end) as under_1_hour,
    count(case when microseconds < 21600000000 then 1 end) as under_6_hours,
    count(case when microseconds < 86400000000 then 1 end) as under_1_day,
    count(case when microseconds < 259200000000 then 1 end) as under_3_days,
    count(case when microseconds < 604800000000 then 1 end) as under_1_week,
    count(case when microseconds < 1209600000000 then 1 end) as under_2_weeks,
    count(case when microseconds < 2419200000000 then 1 end) as under_4_weeks
from moves
group by 1, 2
order by 1, 2
