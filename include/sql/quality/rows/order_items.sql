-- The order items that the extract as of $as_of shows and the one before does not.
with known_products as (
    select distinct product_id
    from intermediate.int_product_versions
    where as_of <= $as_of and pair_id in (select pairs.pair_id from intermediate.int_extract_pairs as pairs)
),

orders as (
    select distinct order_id from quality_orders
),

-- What the extract before shows already is this shop's way, and no sign of a fault.
products_before as (
    select distinct items.product_id
    from quality_week
    inner join landing.order_items as items on quality_week.previous_extract_id = items.extract_id
),

had_orders as (
    select count(orders_before.order_id) > 0.5 * count(*) as had_orders
    from quality_week
    inner join landing.order_items as items on quality_week.previous_extract_id = items.extract_id
    left join landing.orders as orders_before
        on
            quality_week.previous_extract_id = orders_before.extract_id
            and items.order_id = orders_before.order_id
)

select
    items.order_id,
    items.product_id,
    items.quantity,
    orders.order_id is null as items_have_orders,
    case when had_orders.had_orders then orders.order_id is null end as items_mostly_have_orders,
    known_products.product_id is null and products_before.product_id is null as items_have_products,
    case
        when quality_week.previous_extract_id is not null
            then known_products.product_id is null and products_before.product_id is null
    end as items_mostly_have_products,
    coalesce(items.quantity <= 0, false) as item_quantities_positive
from quality_week
inner join landing.order_items as items on quality_week.extract_id = items.extract_id
left join landing.order_items as previous_items
    on
        quality_week.previous_extract_id = previous_items.extract_id
        and items.order_id = previous_items.order_id
        and items.product_id = previous_items.product_id
        and items.quantity = previous_items.quantity
cross join had_orders
left join products_before on items.product_id = products_before.product_id
left join known_products on items.product_id = known_products.product_id
left join orders on items.order_id = orders.order_id
where previous_items.order_id is null
