-- The sessions and the products that they met, with the time of each step, as known as of $as_of. It reads `steps`, the
-- result of known_steps.sql. Times are UTC.
with order_items as (
    select
        order_id,
        product_id
    from intermediate.int_order_item_versions
    where as_of <= $as_of
    qualify rank() over (partition by order_id order by as_of desc) = 1
),

product_steps as (
    select
        session_id,
        product_id,
        event_type,
        first_at,
        started_at
    from steps
    where event_type in ('page_view', 'add_to_cart') and product_id is not null
    union all
    select
        steps.session_id,
        order_items.product_id,
        steps.event_type,
        steps.first_at,
        steps.started_at
    from steps
    inner join order_items on steps.order_id = order_items.order_id
    where steps.event_type in ('checkout', 'package_shipped')
)

select
    session_id,
    product_id,
    started_at,
    {{ step_times() }}
from product_steps
group by session_id, product_id, started_at
order by started_at
