-- The time from each step to the next in the sessions of the week that ends at $as_of, as known then. There is one row
-- for each step that a session reached after the step before it, or in the same instant. A time before the session's
-- start, which comes from a backdated event, is left out.
with sessions as (
    select *
    from {{ sessions }}
    where started_at >= $as_of - interval '7 days'
),

moves as (
    select
        'add_to_cart' as step,
        started_at,
        page_view_at as step_before_at,
        add_to_cart_at as step_at
    from sessions
    union all
    select
        'checkout' as step,
        started_at,
        add_to_cart_at as step_before_at,
        checkout_at as step_at
    from sessions
    union all
    select
        'package_shipped' as step,
        started_at,
        checkout_at as step_before_at,
        package_shipped_at as step_at
    from sessions
)

select
    step,
    count(*) as sessions,
    median(cast(datediff('microsecond', step_before_at, step_at) as double)) as median_microseconds
from moves
where step_before_at <= step_at and step_before_at >= started_at
group by step
order by step
