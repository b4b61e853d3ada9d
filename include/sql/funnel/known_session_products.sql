-- The sessions and the products that they met, with the first time of each step, as known as of $as_of. It reads
-- known_sessions' relation, sessions. Times are UTC.
with steps as (
    select *
    from intermediate.int_session_steps
    where known_as_of <= $as_of and first_at < $as_of
),

order_items as (
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
        first_at
    from steps
    where event_type in ('page_view', 'add_to_cart') and product_id is not null
    union all
    select
        steps.session_id,
        order_items.product_id,
        steps.event_type,
        steps.first_at
    from steps
    inner join order_items on steps.order_id = order_items.order_id
    where steps.event_type in ('checkout', 'package_shipped')
),

session_products as (
    select
        session_id,
        product_id,
        min(case when event_type = 'page_view' then first_at end) as page_view_at,
        min(case when event_type = 'add_to_cart' then first_at end) as add_to_cart_at,
        min(case when event_type = 'checkout' then first_at end) as checkout_at,
        min(case when event_type = 'package_shipped' then first_at end) as package_shipped_at
    from product_steps
    group by session_id, product_id
)

select
    session_products.*,
    sessions.started_at
from session_products
inner join sessions on session_products.session_id = sessions.session_id
order by sessions.started_at
