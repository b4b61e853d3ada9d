-- How long before $as_of the extract's newest event was, in hours; no row where it has no events.
with extract as (
    select * from intermediate.int_extract_pairs
    where as_of = $as_of
)

select
    max(events.created_at) as newest_event_at,
    datediff('second', max(events.created_at), $as_of) / 3600.0 as hours_before_as_of
from extract
inner join landing.events as events on extract.extract_id = events.extract_id
having count(*) > 0
