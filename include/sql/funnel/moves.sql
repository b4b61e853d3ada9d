-- The selected sessions that reached a step after the step before, or in the same instant, with the time between: one
-- row for each session and step. A time before the session's start, which comes from a backdated event, is left out.
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
