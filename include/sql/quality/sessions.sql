-- The sessions that start in the week that ends at $as_of.
select *
from marts.fct_sessions
where started_at >= $as_of - interval '7 days' and started_at < $as_of
