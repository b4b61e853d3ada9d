-- The order of rows, and where Parquet's row groups end, must not depend on the number of threads. So one thread puts
-- the events together and writes all files; events keep the order in which they were made, sorting them would take
-- longer than making them, and the smaller tables are sorted. Ids become text, so that Parquet has the types of the
-- CSV.
create or replace temp table orders_as_of as
with present as (
    select
        *,
        getvariable('as_of') as as_of
    from orders
    where created_at < as_of and coalesce(created_at >= getvariable('orders_since'), true)
        and not coalesce(removed_at <= as_of and as_of < coalesce(returned_at, 'infinity'), false)
),

progress as (
    select
        *,
        coalesce(sent_back_at <= as_of and as_of < sent_back_at + to_days(7), false) as is_back,
        not is_back and coalesce(shipped_at < as_of, false) as has_shipped,
        has_shipped and delivered_at < as_of as has_arrived,
        is_delayed and shipped_at + to_days(6) <= as_of as has_new_estimate
    from present
)

select
    order_id::varchar as order_id,
    user_id::varchar as user_id,
    promo_id,
    address_id::varchar as address_id,
    created_at,
    order_cost,
    shipping_cost,
    order_total,
    if(has_shipped, tracking_id, null)::varchar as tracking_id,
    if(has_shipped, shipping_service, null) as shipping_service,
    if(has_shipped, shipped_at + to_days(if(has_new_estimate, 16, 3)), null) as estimated_delivery_at,
    if(has_arrived, delivered_at, null) as delivered_at,
    case when has_arrived then 'delivered' when has_shipped then 'shipped' else 'preparing' end as status
from progress;
