-- The orders of the extract as of $as_of, with their values in the extract before.
-- is_news: the extract shows something new about the order. So a fault is reported once, and not again every week.
with orders as (
    select landed.*
    from quality_week
    inner join landing.orders as landed on quality_week.extract_id = landed.extract_id
),

previous_orders as (
    select landed.*
    from quality_week
    inner join landing.orders as landed on quality_week.previous_extract_id = landed.extract_id
)

select
    orders.order_id,
    orders.user_id,
    orders.promo_id,
    orders.address_id,
    orders.created_at,
    orders.order_cost,
    orders.shipping_cost,
    orders.order_total,
    orders.tracking_id,
    orders.shipping_service,
    orders.estimated_delivery_at,
    orders.delivered_at,
    orders.status,
    previous_orders.order_id as previous_order_id,
    previous_orders.status as previous_status,
    previous_orders.order_id is null
    or (orders.user_id is distinct from previous_orders.user_id)
    or (orders.promo_id is distinct from previous_orders.promo_id)
    or (orders.address_id is distinct from previous_orders.address_id)
    or (orders.created_at is distinct from previous_orders.created_at)
    or (orders.order_cost is distinct from previous_orders.order_cost)
    or (orders.shipping_cost is distinct from previous_orders.shipping_cost)
    or (orders.order_total is distinct from previous_orders.order_total)
    or (orders.tracking_id is distinct from previous_orders.tracking_id)
    or (orders.shipping_service is distinct from previous_orders.shipping_service)
    or (orders.estimated_delivery_at is distinct from previous_orders.estimated_delivery_at)
    or (orders.delivered_at is distinct from previous_orders.delivered_at)
    or (orders.status is distinct from previous_orders.status) as is_news,
    (orders.user_id is distinct from previous_orders.user_id)
    or (orders.created_at is distinct from previous_orders.created_at)
    or (orders.order_cost is distinct from previous_orders.order_cost)
    or (orders.shipping_cost is distinct from previous_orders.shipping_cost)
    or (orders.order_total is distinct from previous_orders.order_total) as has_other_facts,
    (orders.promo_id is distinct from previous_orders.promo_id)
    or (orders.order_cost is distinct from previous_orders.order_cost)
    or (orders.shipping_cost is distinct from previous_orders.shipping_cost)
    or (orders.order_total is distinct from previous_orders.order_total) as has_other_amounts
from orders
left join previous_orders on orders.order_id = previous_orders.order_id
