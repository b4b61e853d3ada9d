-- The versions of the orders $order_id that were known as of $as_of, oldest first. A version that ended later has no
-- end yet.
select
    order_id,
    dbt_valid_from as valid_from,
    case when dbt_valid_to <= $as_of then dbt_valid_to end as valid_to,
    status,
    created_at,
    order_cost,
    shipping_cost,
    order_total,
    promo_id,
    shipping_service,
    tracking_id,
    estimated_delivery_at,
    delivered_at,
    user_id,
    address_id
from analytics.orders_snapshot
where order_id in ($order_id) and dbt_valid_from <= $as_of
order by order_id, dbt_valid_from
