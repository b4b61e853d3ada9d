-- The orders of the extract before the one as of $as_of, and whether they are still there.
select
    previous_orders.order_id,
    previous_orders.status,
    orders.order_id as order_id_now
from quality_week
inner join landing.orders as previous_orders on quality_week.previous_extract_id = previous_orders.extract_id
left join quality_orders as orders on previous_orders.order_id = orders.order_id
