-- The steps of sessions as known as of $as_of: the rows of int_session_steps, with the start of their session. Times
-- are UTC.
select
    session_id,
    event_type,
    user_id,
    order_id,
    product_id,
    first_at,
    last_at,
    {{ session_start() }}
from intermediate.int_session_steps
where known_as_of <= $as_of and first_at < $as_of
