-- The rows of fct_product_funnel_daily of the seven days before $as_of.
select
    session_date,
    product_id,
    country,
    state
from marts.fct_product_funnel_daily
where session_date < cast($as_of as date) and session_date >= cast($as_of as date) - 7
