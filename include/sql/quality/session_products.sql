-- The products that the week's sessions met.
select session_products.*
from marts.fct_session_products as session_products
inner join marts.fct_sessions as sessions on session_products.session_id = sessions.session_id
where sessions.started_at >= $as_of - interval '7 days' and sessions.started_at < $as_of
