-- What is known of sessions as of $as_of: the rows of int_session_steps, with the start of their session. A backdated
-- event does not date a session that has any other event. Times are UTC.
select
    session_id,
    event_type,
    user_id,
    order_id,
    product_id,
    first_at,
    last_at,
    coalesce(
        min(case when backdated_at is null then first_at end) over (partition by session_id),
        min(first_at) over (partition by session_id)
    ) as started_at
from intermediate.int_session_steps
where known_as_of <= $as_of and first_at < $as_of
