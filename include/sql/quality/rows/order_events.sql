-- The orders to which the new events refer: when and in which session each was checked out and shipped, how far that is
-- from the time of the order, and how many of its products the session had not looked at.
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
    order_events.checkout_sessions,
    case
        when order_events.checkout_at is not null and order_events.package_shipped_at is not null
            then
                case
                    when order_events.first_shipping_session_id <> order_events.checkout_session_id
                        then order_events.first_shipping_session_id
                    else order_events.last_shipping_session_id
                end
    end as shipping_session_id,
    case
        when order_events.checkout_at is not null
            then datediff('second', orders.created_at, order_events.checkout_at)
    end as seconds_from_order,
    case
        when order_events.checkout_at is not null and items_seen.items > 0 then items_seen.items - items_seen.items_seen
    end as items_unseen
from quality_order_events as order_events
left join items_seen on order_events.order_id = items_seen.order_id
left join orders on order_events.order_id = orders.order_id
