-- The sessions of the events that the extract as of $as_of is the first to show, whenever the sessions started.
-- events_of_many: the number of these events, if many users may share the session. events_of_most: the same, if many
-- users surely share it.
with totals as (
    select
        count(*) as events,
        count(distinct user_id) as user_count
    from quality_new_events
),

new_sessions as (
    select
        session_id,
        count(*) as events,
        count(distinct user_id) as user_count
    from quality_new_events
    where session_id is not null
    group by session_id
)

select
    new_sessions.session_id,
    new_sessions.events,
    new_sessions.user_count,
    case
        when
            new_sessions.user_count >= 10
            or (new_sessions.events >= 100 and new_sessions.events > 0.1 * totals.events)
            then new_sessions.events
    end as events_of_many,
    case
        when
            (new_sessions.user_count >= 30 and new_sessions.user_count > 0.1 * totals.user_count)
            or (new_sessions.events >= 100 and new_sessions.events > 0.67 * totals.events)
            then new_sessions.events
    end as events_of_most
from new_sessions
cross join totals
