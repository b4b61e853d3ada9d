-- The time from each step to the next in the sessions that start in the week that ends at $as_of, as known as of
-- $as_of. One row a step that a session reached after the step before it, or in the same instant. Times are UTC.
with known_steps as (
    select *
    from intermediate.int_session_steps
    where known_as_of <= $as_of and first_at < $as_of
),

recent_steps as (
    select *
    from known_steps
    where session_id in (
        select active.session_id
        from known_steps as active
        where active.first_at >= $as_of - interval '7 days'
    )
),

sessions as (
    select
        min(case when event_type = 'page_view' then first_at end) as page_view_at,
        min(case when event_type = 'add_to_cart' then first_at end) as add_to_cart_at,
        min(case when event_type = 'checkout' then first_at end) as checkout_at,
        min(case when event_type = 'package_shipped' then first_at end) as package_shipped_at
    from recent_steps
    group by session_id
    having min(first_at) >= $as_of - interval '7 days'
),

moves as (
    select
        'add_to_cart' as step,
        page_view_at as step_before_at,
        add_to_cart_at as step_at
    from sessions
    union all
    select
        'checkout' as step,
        add_to_cart_at as step_before_at,
        checkout_at as step_at
    from sessions
    union all
    select
        'package_shipped' as step,
        checkout_at as step_before_at,
        package_shipped_at as step_at
    from sessions
)

select
    step,
    count(*) as sessions,
    median(datediff('microsecond', step_before_at, step_at)) as median_microseconds
from moves
where step_before_at <= step_at
group by step
order by step
