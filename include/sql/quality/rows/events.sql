-- The events that the extract as of $as_of is the first to show.
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

-- What the extract before shows already is this shop's way, and no sign of a fault.
types_before as (
    select distinct events.event_type
    from quality_week
    inner join landing.events as events on quality_week.previous_extract_id = events.extract_id
),

products_before as (
    select distinct events.product_id
    from quality_week
    inner join landing.events as events on quality_week.previous_extract_id = events.extract_id
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
    events.event_type,
    events.created_at,
    types_before.event_type is null
    and events.event_type not in ('page_view', 'add_to_cart', 'checkout', 'package_shipped') as event_types_known,
    case
        when quality_week.previous_extract_id is not null
            then
                types_before.event_type is null
                and events.event_type not in ('page_view', 'add_to_cart', 'checkout', 'package_shipped')
    end as event_types_mostly_known,
    events.created_at >= $as_of as events_not_from_the_future,
    case when events.user_id is not null then known_users.user_id is null end as events_have_users,
    case when events.product_id is not null then known_products.product_id is null end as events_have_products,
    case
        when quality_week.previous_extract_id is not null and events.product_id is not null
            then known_products.product_id is null and products_before.product_id is null
    end as events_mostly_have_products,
    case
        when events.event_type in ('checkout', 'package_shipped') and events.order_id is not null
            then known_orders.order_id is null
    end as checkouts_have_orders,
    case when events.event_type in ('checkout', 'package_shipped') then events.order_id is null end
        as order_events_name_orders,
    case when events.event_type = 'add_to_cart' then events.product_id is null end as carts_name_products,
    coalesce(twins.events > 1, false) as events_not_copied,
    case
        when quality_week.previous_as_of is not null
            then events.created_at < quality_week.previous_as_of
    end as events_arrive_in_time
from quality_new_events as events
cross join quality_week
left join known_users on events.user_id = known_users.user_id
left join known_products on events.product_id = known_products.product_id
left join types_before on events.event_type = types_before.event_type
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
