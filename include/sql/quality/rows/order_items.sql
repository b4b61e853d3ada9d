-- The order items that the extract as of $as_of shows and the one before does not.
with known_products as (
    select distinct product_id
    from intermediate.int_product_versions
    where as_of <= $as_of and pair_id in (select pairs.pair_id from intermediate.int_extract_pairs as pairs)
),

orders as (
    select distinct order_id from quality_orders
)

select
    items.order_id,
    items.product_id,
    items.quantity,
    orders.order_id is null as items_have_orders,
    known_products.product_id is null as items_have_products,
    coalesce(items.quantity <= 0, false) as item_quantities_positive
from quality_week
inner join landing.order_items as items on quality_week.extract_id = items.extract_id
left join landing.order_items as previous_items
    on
        quality_week.previous_extract_id = previous_items.extract_id
        and items.order_id = previous_items.order_id
        and items.product_id = previous_items.product_id
        and items.quantity = previous_items.quantity
left join known_products on items.product_id = known_products.product_id
left join orders on items.order_id = orders.order_id
where previous_items.order_id is null
