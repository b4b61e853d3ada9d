-- The events that the extract as of $as_of is the first to show. is_backdated: the extract before should have had it.
with events as (
    select landed.*
    from quality_week
    inner join landing.events as landed on quality_week.extract_id = landed.extract_id
),

known_before as (
    select distinct event_id
    from intermediate.int_event_appearances
    where
        as_of < $as_of
        and pair_id in (select pairs.pair_id from intermediate.int_extract_pairs as pairs)
        and event_id in (select events.event_id from events)
),

appearances as (
    select
        event_id,
        is_backdated
    from intermediate.int_event_appearances
    where as_of = $as_of and pair_id in (select pairs.pair_id from intermediate.int_extract_pairs as pairs)
)

select
    events.event_id,
    events.session_id,
    events.user_id,
    events.page_url,
    events.created_at,
    events.event_type,
    events.order_id,
    events.product_id,
    coalesce(appearances.is_backdated, false) as is_backdated
from events
left join appearances on events.event_id = appearances.event_id
left join known_before on events.event_id = known_before.event_id
where known_before.event_id is null
