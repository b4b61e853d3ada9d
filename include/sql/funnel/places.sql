-- All countries with their states, as known as of $as_of or in the newest extract.
select
    country,
    state
from sessions
union
select
    country,
    state
from analytics.fct_sessions
order by country, state
