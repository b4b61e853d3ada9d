-- The orders of the extract as of $as_of: what orders_snapshot shows of them for that moment, and, of those that are
-- news, whether what they say can be.
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
    select users.user_id
    from quality_week
    inner join landing.users as users on quality_week.extract_id = users.extract_id
),

promos as (
    select
        promos.promo_id,
        promos.discount
    from quality_week
    inner join landing.promos as promos on quality_week.extract_id = promos.extract_id
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

counted as (
    select
        order_id,
        count(*) as extract_rows
    from quality_orders
    group by order_id
),

-- What the extract before shows already is this shop's way, and no sign of a fault.
statuses_before as (
    select distinct previous_orders.status
    from quality_week
    inner join landing.orders as previous_orders on quality_week.previous_extract_id = previous_orders.extract_id
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

-- Whether orders and prices are of one unit at all in this shop; empty where no order says so.
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
    orders.status,
    orders.created_at,
    counted.extract_rows > 1 as orders_unique,
    coalesce(version_counts.versions, 0) <> 1 as orders_have_one_version,
    versions.order_id is null
    or orders.user_id is distinct from versions.user_id
    or orders.promo_id is distinct from versions.promo_id
    or orders.address_id is distinct from versions.address_id
    or orders.created_at is distinct from versions.created_at
    or orders.order_cost is distinct from versions.order_cost
    or orders.shipping_cost is distinct from versions.shipping_cost
    or orders.order_total is distinct from versions.order_total
    or orders.tracking_id is distinct from versions.tracking_id
    or orders.shipping_service is distinct from versions.shipping_service
    or orders.estimated_delivery_at is distinct from versions.estimated_delivery_at
    or orders.delivered_at is distinct from versions.delivered_at
    or orders.status is distinct from versions.status as orders_equal_snapshot,
    case
        when orders.previous_order_id is null or orders.has_other_amounts
            then abs(
                orders.order_total - (orders.order_cost + orders.shipping_cost - coalesce(promos.discount, 0))
            ) > 0.01
    end as order_total_adds_up,
    case
        when orders.is_news
            then orders.status not in ('preparing', 'shipped', 'delivered') and statuses_before.status is null
    end as order_statuses_known,
    case
        when orders.is_news and quality_week.previous_extract_id is not null
            then orders.status not in ('preparing', 'shipped', 'delivered') and statuses_before.status is null
    end as order_statuses_mostly_known,
    case when orders.is_news then orders.created_at >= $as_of end as orders_not_from_the_future,
    case when orders.is_news then coalesce(orders.delivered_at < orders.created_at, false) end
        as delivered_after_ordered,
    case when orders.is_news then coalesce(orders.delivered_at >= $as_of, false) end as delivered_by_now,
    case
        when orders.is_news
            then
                (orders.status = 'delivered' and orders.delivered_at is null)
                or (orders.status in ('preparing', 'shipped') and orders.delivered_at is not null)
    end as order_status_fits_delivery,
    case when orders.is_news then users.user_id is null end as orders_have_users,
    case when orders.is_news then items.order_id is null end as orders_have_items,
    case
        when orders.promo_id is not null and (orders.previous_order_id is null or orders.has_other_amounts)
            then promos.promo_id is null
    end as orders_have_promos,
    case
        when
            (orders.previous_order_id is null or orders.has_other_facts)
            and items.worth > 0
            and coalesce(scale_before.fits, true)
            then orders.order_cost > 2 * items.worth or orders.order_cost < 0.5 * items.worth
    end as order_cost_fits_items,
    case
        when
            (orders.previous_order_id is null or orders.has_other_facts)
            and items.worth > 0
            and scale_before.fits
            then orders.order_cost > 10 * items.worth or orders.order_cost < 0.1 * items.worth
    end as order_cost_in_scale,
    case
        when orders.previous_order_id is null or orders.has_other_amounts
            then orders.order_cost < 0 or orders.shipping_cost < 0 or orders.order_total < 0
    end as order_amounts_not_negative,
    case
        when orders.previous_order_id is null or orders.has_other_facts then coalesce(twins.orders > 1, false)
    end as orders_not_copied,
    case
        when
            orders.previous_order_id is null
            and orders.created_at >= $as_of - interval '7 days'
            and orders.created_at < $as_of
            then checked_out.order_id is null
    end as orders_have_checkouts,
    case when orders.previous_order_id is not null then orders.has_other_facts end as orders_keep_their_facts,
    case
        when orders.previous_status = 'delivered' then orders.status is distinct from 'delivered'
    end as delivered_orders_stay,
    case
        when orders.previous_status = 'shipped' then coalesce(orders.status = 'preparing', false)
    end as shipped_orders_stay
from quality_orders as orders
cross join quality_week
cross join scale_before
left join statuses_before on orders.status = statuses_before.status
inner join counted on orders.order_id = counted.order_id
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
