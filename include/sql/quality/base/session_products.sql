-- The products that the sessions of the week that ends at $as_of met, as known then: products that they looked at or
-- put into the cart, and products of their orders.
with known_steps as (
    select
        session_steps.session_id,
        session_steps.event_type,
        session_steps.order_id,
        session_steps.product_id
    from quality_sessions as sessions
    inner join intermediate.int_session_steps as session_steps on sessions.session_id = session_steps.session_id
    where session_steps.known_as_of <= $as_of and session_steps.first_at < $as_of
),

order_items as (
    select
        order_id,
        product_id
    from intermediate.int_order_item_versions
    where
        as_of <= $as_of
        and pair_id in (select pairs.pair_id from intermediate.int_extract_pairs as pairs)
        and order_id in (select known_steps.order_id from known_steps)
    qualify rank() over (partition by order_id order by as_of desc) = 1
),

product_steps as (
    select
        session_id,
        product_id,
        true as is_looked_at
    from known_steps
    where event_type in ('page_view', 'add_to_cart') and product_id is not null
    union all
    select
        known_steps.session_id,
        order_items.product_id,
        false as is_looked_at
    from known_steps
    inner join order_items on known_steps.order_id = order_items.order_id
    where known_steps.event_type in ('checkout', 'package_shipped')
)

select
    session_id,
    product_id,
    max(case when is_looked_at then 1 else 0 end) = 1 as is_looked_at
from product_steps
group by session_id, product_id
