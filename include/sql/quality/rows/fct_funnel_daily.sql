-- The rows of fct_funnel_daily of the seven days before $as_of.
select
    session_date,
    country,
    state
from marts.fct_funnel_daily
where session_date < cast($as_of as date) and session_date >= cast($as_of as date) - 7
