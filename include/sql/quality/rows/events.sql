-- The events that the extract as of $as_of is the first to show, with the known rows to which their ids refer. had_…:
-- whether most ids of the extract before refer to a known row; empty if it has no ids.
with known_users as (
    select distinct user_id
    from intermediate.int_user_versions
    where as_of <= $as_of and pair_id in (select pairs.pair_id from intermediate.int_extract_pairs as pairs)
),

known_products as (
    select distinct product_id
    from intermediate.int_product_versions
    where as_of <= $as_of and pair_id in (select pairs.pair_id from intermediate.int_extract_pairs as pairs)
),

known_orders as (
    select distinct order_id
    from intermediate.int_order_versions
    where as_of <= $as_of and pair_id in (select pairs.pair_id from intermediate.int_extract_pairs as pairs)
),

-- Ids that the extract before has already are normal in this shop, and no sign of a fault.
products_before as (
    select distinct events.product_id
    from quality_week
    inner join landing.events as events on quality_week.previous_extract_id = events.extract_id
),

before as (
    select
        case
            when count(events.user_id) > 0 then count(known_users.user_id) > 0.5 * count(events.user_id)
        end as had_users,
        case
            when count(events.product_id) > 0 then count(known_products.product_id) > 0.5 * count(events.product_id)
        end as had_products,
        case
            when count(events.order_id) > 0 then count(known_orders.order_id) > 0.5 * count(events.order_id)
        end as had_orders
    from quality_week
    inner join landing.events as events on quality_week.previous_extract_id = events.extract_id
    left join known_users on events.user_id = known_users.user_id
    left join known_products on events.product_id = known_products.product_id
    left join known_orders on events.order_id = known_orders.order_id
),

twins as (
    select
        session_id,
        event_type,
        created_at,
        coalesce(product_id, '') as product_id,
        coalesce(order_id, '') as order_id,
        coalesce(page_url, '') as page_url,
        coalesce(user_id, '') as user_id,
        count(*) as events
    from quality_new_events
    group by
        session_id,
        event_type,
        created_at,
        coalesce(product_id, ''),
        coalesce(order_id, ''),
        coalesce(page_url, ''),
        coalesce(user_id, '')
)

select
    events.event_id,
    events.session_id,
    events.user_id,
    events.event_type,
    events.product_id,
    events.order_id,
    events.created_at,
    quality_week.previous_as_of,
    quality_week.previous_extract_id is not null as has_extract_before,
    known_users.user_id as known_user_id,
    known_products.product_id as known_product_id,
    coalesce(known_products.product_id, products_before.product_id) as product_id_of_now_or_before,
    known_orders.order_id as known_order_id,
    coalesce(before.had_users, true) as users_are_judged,
    coalesce(before.had_products, true) as products_are_judged,
    coalesce(before.had_orders, true) as orders_are_judged,
    case when events.is_backdated then events.created_at end as backdated_at,
    coalesce(twins.events, 1) as twins
from quality_new_events as events
cross join quality_week
cross join before
left join known_users on events.user_id = known_users.user_id
left join known_products on events.product_id = known_products.product_id
left join products_before on events.product_id = products_before.product_id
left join known_orders on events.order_id = known_orders.order_id
left join twins
    on
        events.session_id = twins.session_id
        and events.event_type = twins.event_type
        and events.created_at = twins.created_at
        and coalesce(events.product_id, '') = twins.product_id
        and coalesce(events.order_id, '') = twins.order_id
        and coalesce(events.page_url, '') = twins.page_url
        and coalesce(events.user_id, '') = twins.user_id
