-- The sessions that start between $since and $as_of and the products that they met, as known at $as_of: the columns of
-- fct_session_products, which shows them as known at the newest extract. It reads known_sessions. Times are UTC.
with dated_steps as (
    select
        session_steps.session_id,
        session_steps.event_type,
        session_steps.order_id,
        session_steps.product_id,
        session_steps.first_at,
        sessions.started_at
    from known_sessions as sessions
    inner join {{ history }}.int_session_steps as session_steps on sessions.session_id = session_steps.session_id
    where sessions.started_at >= $since and session_steps.known_as_of <= $as_of and session_steps.first_at < $as_of
),

order_items as (
    select
        order_id,
        product_id
    from {{ history }}.int_order_item_versions
    where
        as_of <= $as_of
        and pair_id in (select pairs.pair_id from {{ history }}.int_extract_pairs as pairs)
        and order_id in (select dated_steps.order_id from dated_steps)
    qualify rank() over (partition by order_id order by as_of desc) = 1
),

product_steps as (
    {{ product_steps('dated_steps', 'order_items') }}
)

select
    session_id,
    product_id,
    {{ step_times() }}
from product_steps
group by session_id, product_id
