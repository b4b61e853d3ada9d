-- For each order to which the new events refer: when and in which sessions it was checked out and shipped, as known at
-- $as_of.
with new_orders as (
    select distinct order_id
    from quality_new_events
    where order_id is not null
)

select
    session_steps.order_id,
    min(case when session_steps.event_type = 'checkout' then session_steps.first_at end) as checkout_at,
    min(case when session_steps.event_type = 'package_shipped' then session_steps.first_at end) as package_shipped_at,
    min(case when session_steps.event_type = 'checkout' then session_steps.session_id end) as checkout_session_id,
    count(distinct case when session_steps.event_type = 'checkout' then session_steps.session_id end)
        as checkout_sessions,
    min(case when session_steps.event_type = 'package_shipped' then session_steps.session_id end)
        as first_shipping_session_id,
    max(case when session_steps.event_type = 'package_shipped' then session_steps.session_id end)
        as last_shipping_session_id
from new_orders
inner join intermediate.int_session_steps as session_steps on new_orders.order_id = session_steps.order_id
where session_steps.known_as_of <= $as_of and session_steps.first_at < $as_of
group by session_steps.order_id
