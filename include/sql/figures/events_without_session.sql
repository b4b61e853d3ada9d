-- The number of events of the week that ends at $as_of that have no session, as known then: one row.
select count(*) as events
from {{ history }}.int_events_without_session
where known_as_of <= $as_of and created_at < $as_of and created_at >= $as_of - interval '7 days'
