-- The orders of the extract as of $as_of, with their values in orders_snapshot at that moment, and with the known rows
-- to which their ids refer. Most checks judge an order only when it is news. had_…: whether most ids of the extract
-- before refer to a known row; empty if it has no ids.
with newest_products as (
    select
        product_id,
        price
    from intermediate.int_product_versions
    where as_of <= $as_of and pair_id in (select pairs.pair_id from intermediate.int_extract_pairs as pairs)
    qualify row_number() over (partition by product_id order by as_of desc) = 1
),

items as (
    select
        order_items.order_id,
        count(*) as items,
        case
            when count(*) = count(newest_products.price)
                then sum(order_items.quantity * newest_products.price)
        end as worth
    from quality_week
    inner join landing.order_items as order_items on quality_week.extract_id = order_items.extract_id
    left join newest_products on order_items.product_id = newest_products.product_id
    group by order_items.order_id
),

users as (
    select landed.user_id
    from quality_week
    inner join landing.users as landed on quality_week.extract_id = landed.extract_id
),

promos as (
    select
        promos.promo_id,
        promos.discount
    from quality_week
    inner join landing.promos as promos on quality_week.extract_id = promos.extract_id
),

known_addresses as (
    select distinct address_id
    from intermediate.int_address_versions
    where as_of <= $as_of and pair_id in (select pairs.pair_id from intermediate.int_extract_pairs as pairs)
),

before as (
    select
        case
            when count(orders.user_id) > 0 then count(users_before.user_id) > 0.5 * count(orders.user_id)
        end as had_users,
        case
            when count(orders.address_id) > 0 then count(known_addresses.address_id) > 0.5 * count(orders.address_id)
        end as had_addresses,
        case
            when count(orders.promo_id) > 0 then count(promos_before.promo_id) > 0.5 * count(orders.promo_id)
        end as had_promos
    from quality_week
    inner join landing.orders as orders on quality_week.previous_extract_id = orders.extract_id
    left join landing.users as users_before
        on quality_week.previous_extract_id = users_before.extract_id and orders.user_id = users_before.user_id
    left join landing.promos as promos_before
        on quality_week.previous_extract_id = promos_before.extract_id and orders.promo_id = promos_before.promo_id
    left join known_addresses on orders.address_id = known_addresses.address_id
),

checked_out as (
    select distinct order_id
    from intermediate.int_session_steps
    where known_as_of <= $as_of and first_at < $as_of and event_type = 'checkout' and order_id is not null
),

versions as (
    select * from marts.orders_snapshot
    where dbt_valid_from <= $as_of and (dbt_valid_to is null or dbt_valid_to > $as_of)
),

version_counts as (
    select
        order_id,
        count(*) as versions
    from versions
    group by order_id
),

first_versions as (
    select * from versions
    qualify row_number() over (partition by order_id order by dbt_valid_from) = 1
),

prices_before as (
    select
        product_id,
        price
    from intermediate.int_product_versions
    where as_of < $as_of and pair_id in (select pairs.pair_id from intermediate.int_extract_pairs as pairs)
    qualify row_number() over (partition by product_id order by as_of desc) = 1
),

orders_before as (
    select
        previous_orders.order_id,
        previous_orders.order_cost,
        sum(previous_items.quantity * prices_before.price) as worth
    from quality_week
    inner join landing.orders as previous_orders on quality_week.previous_extract_id = previous_orders.extract_id
    inner join landing.order_items as previous_items
        on
            quality_week.previous_extract_id = previous_items.extract_id
            and previous_orders.order_id = previous_items.order_id
    left join prices_before on previous_items.product_id = prices_before.product_id
    group by previous_orders.order_id, previous_orders.order_cost
    having count(*) = count(prices_before.price)
),

-- Whether orders and prices are in the same unit in this shop; empty if no order shows it.
scale_before as (
    select
        case
            when count(*) > 0
                then count(case when order_cost <= 10 * worth and order_cost >= 0.1 * worth then 1 end) > 0.5 * count(*)
        end as fits
    from orders_before
    where worth > 0
),

twins as (
    select
        user_id,
        created_at,
        order_total,
        count(*) as orders
    from quality_orders
    group by user_id, created_at, order_total
)

select
    orders.order_id,
    orders.user_id,
    orders.promo_id,
    orders.status,
    orders.created_at,
    orders.delivered_at,
    orders.previous_order_id,
    orders.previous_status,
    orders.is_news,
    quality_week.previous_extract_id is not null as has_extract_before,
    orders.previous_order_id is null or orders.has_other_amounts as has_new_amounts,
    orders.previous_order_id is null or orders.has_other_facts as has_new_facts,
    orders.previous_order_id is null
    and orders.created_at >= $as_of - interval '7 days'
    and orders.created_at < $as_of as is_of_the_week,
    orders.previous_status || ' → ' || coalesce(orders.status, '(none)') as status_move,
    coalesce(version_counts.versions, 0) as versions,
    nullif(concat(
        case when versions.order_id is null then 'all ' else '' end,
        case when orders.user_id is distinct from versions.user_id then 'user_id ' else '' end,
        case when orders.promo_id is distinct from versions.promo_id then 'promo_id ' else '' end,
        case when orders.address_id is distinct from versions.address_id then 'address_id ' else '' end,
        case when orders.created_at is distinct from versions.created_at then 'created_at ' else '' end,
        case when orders.order_cost is distinct from versions.order_cost then 'order_cost ' else '' end,
        case when orders.shipping_cost is distinct from versions.shipping_cost then 'shipping_cost ' else '' end,
        case when orders.order_total is distinct from versions.order_total then 'order_total ' else '' end,
        case when orders.tracking_id is distinct from versions.tracking_id then 'tracking_id ' else '' end,
        case
            when orders.shipping_service is distinct from versions.shipping_service then 'shipping_service ' else ''
        end,
        case
            when orders.estimated_delivery_at is distinct from versions.estimated_delivery_at then 'estimate ' else ''
        end,
        case when orders.delivered_at is distinct from versions.delivered_at then 'delivered_at ' else '' end,
        case when orders.status is distinct from versions.status then 'status ' else '' end
    ), '') as differs_from_snapshot_in,
    orders.order_total - (orders.order_cost + orders.shipping_cost - coalesce(promos.discount, 0)) as total_is_off_by,
    case
        when orders.order_cost < 0 then orders.order_cost
        when orders.shipping_cost < 0 then orders.shipping_cost
        else orders.order_total
    end as least_amount,
    users.user_id as known_user_id,
    orders.address_id,
    known_addresses.address_id as known_address_id,
    coalesce(before.had_users, true) as users_are_judged,
    coalesce(before.had_addresses, true) as addresses_are_judged,
    coalesce(before.had_promos, true) as promos_are_judged,
    items.items,
    promos.promo_id as known_promo_id,
    checked_out.order_id as checked_out_order_id,
    case
        when items.worth > 0 and coalesce(scale_before.fits, true)
            then cast(orders.order_cost as double) / cast(items.worth as double)
    end as cost_over_worth,
    case
        when items.worth > 0 and scale_before.fits
            then cast(orders.order_cost as double) / cast(items.worth as double)
    end as cost_over_worth_if_it_fitted,
    coalesce(twins.orders, 1) as twins,
    case when orders.has_other_facts then 'user, time or amounts' end as other_facts
from quality_orders as orders
cross join quality_week
cross join scale_before
cross join before
left join known_addresses on orders.address_id = known_addresses.address_id
left join items on orders.order_id = items.order_id
left join users on orders.user_id = users.user_id
left join promos on orders.promo_id = promos.promo_id
left join checked_out on orders.order_id = checked_out.order_id
left join first_versions as versions on orders.order_id = versions.order_id
left join version_counts on orders.order_id = version_counts.order_id
left join twins
    on
        orders.user_id = twins.user_id
        and orders.created_at = twins.created_at
        and orders.order_total = twins.order_total
