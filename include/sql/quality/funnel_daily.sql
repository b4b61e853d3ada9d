-- The week's rows of the daily funnel.
select *
from marts.fct_funnel_daily
where session_date >= $as_of - interval '7 days' and session_date < $as_of
