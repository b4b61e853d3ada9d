-- The products that the sessions of the week that ends at $as_of looked at or put into the cart, and beside them whether
-- fct_session_products has them.
select distinct
    sessions.session_id,
    session_steps.product_id,
    marts.session_id as mart_session_id
from quality_sessions as sessions
inner join intermediate.int_session_steps as session_steps on sessions.session_id = session_steps.session_id
left join marts.fct_session_products as marts
    on session_steps.session_id = marts.session_id and session_steps.product_id = marts.product_id
where
    sessions.weeks_ago = 0
    and session_steps.known_as_of <= $as_of
    and session_steps.first_at < $as_of
    and session_steps.event_type in ('page_view', 'add_to_cart')
    and session_steps.product_id is not null
