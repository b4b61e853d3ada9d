select
    order_id::varchar as order_id,
    product_id::varchar as product_id,
    quantity
from order_items
where order_id in (select order_id::uuid from orders_as_of)
order by order_id, product_id
