-- The number of events in the extract as of $as_of.
select count(events.event_id) as events
from intermediate.int_extract_pairs as extract
left join landing.events as events on extract.extract_id = events.extract_id
where extract.as_of = $as_of
