-- The order items that are in the extract as of $as_of and not in the one before, with the known rows to which their
-- ids refer. had_…: whether most ids of the extract before refer to a known row; empty if it has no ids.
with known_products as (
    select distinct product_id
    from intermediate.int_product_versions
    where as_of <= $as_of and pair_id in (select pairs.pair_id from intermediate.int_extract_pairs as pairs)
),

orders as (
    select distinct order_id from quality_orders
),

-- Ids that the extract before has already are normal in this shop, and no sign of a fault.
products_before as (
    select distinct items.product_id
    from quality_week
    inner join landing.order_items as items on quality_week.previous_extract_id = items.extract_id
),

before as (
    select
        case when count(*) > 0 then count(orders_before.order_id) > 0.5 * count(*) end as had_orders,
        case when count(*) > 0 then count(known_products.product_id) > 0.5 * count(*) end as had_products
    from quality_week
    inner join landing.order_items as items on quality_week.previous_extract_id = items.extract_id
    left join landing.orders as orders_before
        on
            quality_week.previous_extract_id = orders_before.extract_id
            and items.order_id = orders_before.order_id
    left join known_products on items.product_id = known_products.product_id
)

select
    items.order_id,
    items.product_id,
    items.quantity,
    orders.order_id as known_order_id,
    coalesce(known_products.product_id, products_before.product_id) as known_product_id,
    coalesce(before.had_orders, true) as orders_are_judged,
    coalesce(before.had_products, true) as products_are_judged
from quality_week
inner join landing.order_items as items on quality_week.extract_id = items.extract_id
left join landing.order_items as previous_items
    on
        quality_week.previous_extract_id = previous_items.extract_id
        and items.order_id = previous_items.order_id
        and items.product_id = previous_items.product_id
        and items.quantity = previous_items.quantity
cross join before
left join products_before on items.product_id = products_before.product_id
left join known_products on items.product_id = known_products.product_id
left join orders on items.order_id = orders.order_id
where previous_items.order_id is null
