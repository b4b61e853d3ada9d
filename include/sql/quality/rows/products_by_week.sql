-- The number of sessions that look at each product, in the week that ends at $as_of and in the eight weeks before it.
-- In the rows without a product it is the number of all sessions.
with products as (
    select distinct
        sessions.weeks_ago,
        session_steps.session_id,
        session_steps.product_id
    from quality_sessions as sessions
    inner join intermediate.int_session_steps as session_steps on sessions.session_id = session_steps.session_id
    where
        session_steps.known_as_of <= $as_of
        and session_steps.first_at < $as_of
        and session_steps.event_type in ('page_view', 'add_to_cart')
        and session_steps.product_id is not null
)

select
    weeks_ago,
    product_id,
    count(*) as sessions
from products
group by weeks_ago, product_id
union all
select
    weeks_ago,
    null as product_id,
    count(*) as sessions
from quality_sessions
group by weeks_ago
