-- The events of the extract as of $as_of: how many there are, how many of its predecessor's are gone from it although
-- they fall into its window, and how many it shows otherwise than its predecessor.
with extract as (
    select * from intermediate.int_extract_pairs
    where as_of = $as_of
),

events as (
    select landed.*
    from extract
    inner join landing.events as landed on extract.extract_id = landed.extract_id
),

previous_events as (
    select landed.*
    from extract
    inner join landing.events as landed on extract.previous_extract_id = landed.extract_id
    where extract.events_since is null or landed.created_at >= extract.events_since
),

compared as (
    select
        events.event_id,
        previous_events.event_id as previous_event_id,
        case
            when
                events.session_id is not distinct from previous_events.session_id
                and events.user_id is not distinct from previous_events.user_id
                and events.created_at is not distinct from previous_events.created_at
                and events.event_type is not distinct from previous_events.event_type
                and events.order_id is not distinct from previous_events.order_id
                and events.product_id is not distinct from previous_events.product_id
                then 0
            else 1
        end as differs
    from events
    full outer join previous_events on events.event_id = previous_events.event_id
)

select
    count(event_id) as events,
    count(case when event_id is null then 1 end) as gone,
    count(case when event_id is not null and previous_event_id is not null and differs = 1 then 1 end) as changed
from compared
