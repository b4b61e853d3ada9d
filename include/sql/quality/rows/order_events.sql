-- The orders that the new events name: checked out once, then shipped, in one session, at the time of the order.
with items_seen as (
    select
        order_events.order_id,
        count(distinct items.product_id) as items,
        count(distinct seen.product_id) as items_seen
    from quality_order_events as order_events
    cross join quality_week
    inner join landing.order_items as items
        on quality_week.extract_id = items.extract_id and order_events.order_id = items.order_id
    left join intermediate.int_session_steps as seen
        on
            order_events.checkout_session_id = seen.session_id
            and items.product_id = seen.product_id
            and seen.known_as_of <= $as_of
            and seen.first_at < $as_of
    group by order_events.order_id
),

orders as (
    select
        order_id,
        min(created_at) as created_at
    from quality_orders
    group by order_id
)

select
    order_events.order_id,
    order_events.checkout_session_id as session_id,
    order_events.checkout_at,
    order_events.package_shipped_at,
    case
        when order_events.checkout_at is not null and order_events.package_shipped_at is not null
            then order_events.package_shipped_at < order_events.checkout_at
    end as shipped_after_checkout,
    case
        when order_events.checkout_at is not null and order_events.package_shipped_at is not null
            then
                order_events.first_shipping_session_id <> order_events.checkout_session_id
                or order_events.last_shipping_session_id <> order_events.checkout_session_id
    end as shipped_in_checkout_session,
    case when order_events.checkout_at is not null then order_events.checkout_sessions > 1 end
        as orders_checked_out_once,
    case
        when order_events.checkout_at is not null and orders.created_at is not null
            then abs(datediff('second', orders.created_at, order_events.checkout_at)) > 3600
    end as checkouts_at_order_time,
    case
        when order_events.checkout_at is not null and items_seen.items > 0
            then items_seen.items_seen < items_seen.items
    end as bought_products_were_seen
from quality_order_events as order_events
left join items_seen on order_events.order_id = items_seen.order_id
left join orders on order_events.order_id = orders.order_id
