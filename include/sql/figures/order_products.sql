-- The products of the orders that changed between the extract as of $as_of and the one before, one row for each order
-- and product. The items of an order come from the newest extract up to then that has items for it.
with order_items as (
    select
        order_id,
        product_id,
        quantity
    from {{ history }}.int_order_item_versions
    where
        as_of <= $as_of
        and order_id in (
            select order_changes.order_id from analytics.fct_order_changes as order_changes
            where order_changes.as_of = $as_of
        )
    qualify rank() over (partition by order_id order by as_of desc) = 1
),

products as (
    select
        product_id,
        name
    from {{ history }}.int_product_versions
    where as_of <= $as_of and product_id in (select order_items.product_id from order_items)
    qualify row_number() over (partition by product_id order by as_of desc) = 1
)

select
    order_items.order_id,
    order_items.quantity,
    coalesce(products.name, order_items.product_id) as name
from order_items
left join products on order_items.product_id = products.product_id
order by order_items.order_id, name, order_items.product_id
