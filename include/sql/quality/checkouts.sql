-- The checkout events of the extract as of $as_of, with the earliest extract that holds their order.
with extract as (
    select * from intermediate.int_extract_pairs
    where as_of = $as_of
),

known_orders as (
    select
        order_id,
        min(as_of) as known_as_of
    from intermediate.int_order_versions
    where as_of <= $as_of and pair_id in (select pairs.pair_id from intermediate.int_extract_pairs as pairs)
    group by order_id
)

select
    events.event_id,
    events.session_id,
    events.order_id,
    events.created_at,
    known_orders.known_as_of as order_known_as_of
from extract
inner join landing.events as events on extract.extract_id = events.extract_id
left join known_orders on events.order_id = known_orders.order_id
where events.event_type = 'checkout'
