-- The products that the sessions of the week that ends at $as_of looked at or put into the cart, and whether
-- fct_session_products has them.
select distinct
    known.session_id,
    known.product_id,
    marts.session_id as mart_session_id
from quality_session_products as known
left join marts.fct_session_products as marts
    on known.session_id = marts.session_id and known.product_id = marts.product_id
where known.is_looked_at
