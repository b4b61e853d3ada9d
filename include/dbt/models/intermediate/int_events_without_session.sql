{{ config(unique_key='event_id', meta={'changed_in': 'int_event_appearances'}) }}

with events_to_build as (
    {{ current_rows(ref('int_event_appearances')) }}
        and session_id is null
        and {{ is_changed('event_id', ref('int_event_appearances')) }}
),

-- All appearances of these events: an earlier one may name a session.
appearances as (
    {{ current_rows(ref('int_event_appearances')) }}
        and event_id in (select events_to_build.event_id from events_to_build)
),

events as (
    select * from appearances
    qualify row_number() over (partition by event_id order by as_of) = 1
),

final as (
    select
        event_id,
        as_of as known_as_of,
        created_at
    from events
    where session_id is null and created_at is not null
)

select * from final
