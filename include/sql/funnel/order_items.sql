-- The products of the orders $order_id, as known as of $as_of.
select
    order_id,
    product_id,
    quantity
from intermediate.int_order_item_versions
where order_id in ($order_id) and as_of <= $as_of
qualify rank() over (partition by order_id order by as_of desc) = 1
order by order_id, product_id
