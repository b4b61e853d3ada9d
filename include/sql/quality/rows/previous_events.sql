-- The events of the extract before the one as of $as_of that lie in the window of this one. Also whether this extract
-- still has them, and whether their content differs.
select
    previous_events.event_id,
    previous_events.session_id,
    previous_events.created_at,
    events.event_id as event_id_now,
    case
        when
            (events.session_id is distinct from previous_events.session_id)
            or (events.user_id is distinct from previous_events.user_id)
            or (events.created_at is distinct from previous_events.created_at)
            or (events.event_type is distinct from previous_events.event_type)
            or (events.order_id is distinct from previous_events.order_id)
            or (events.product_id is distinct from previous_events.product_id)
            then 'content'
    end as differs_in
from quality_week
inner join landing.events as previous_events on quality_week.previous_extract_id = previous_events.extract_id
left join landing.events as events
    on quality_week.extract_id = events.extract_id and previous_events.event_id = events.event_id
where quality_week.events_since is null or previous_events.created_at >= quality_week.events_since
