-- The events that the extract as of $as_of is the first to show.
select events.*
from quality_week
inner join landing.events as events on quality_week.extract_id = events.extract_id
left join (
    select distinct appearances.event_id
    from intermediate.int_event_appearances as appearances
    where
        appearances.as_of < $as_of
        and appearances.pair_id in (select pairs.pair_id from intermediate.int_extract_pairs as pairs)
) as known_before on events.event_id = known_before.event_id
where known_before.event_id is null
