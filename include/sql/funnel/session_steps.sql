-- The events of the session $session_id as known as of $as_of: one row for each type of event, order and product. Times
-- are UTC.
select
    event_type,
    order_id,
    product_id,
    min(first_at) as first_at,
    max(last_at) as last_at,
    cast(sum(events) as bigint) as events,
    min(known_as_of) as known_as_of
from intermediate.int_session_steps
where session_id = $session_id and known_as_of <= $as_of and first_at < $as_of
group by event_type, order_id, product_id
order by min(first_at), event_type, order_id, product_id
