-- The sessions that start in the week that ends at $as_of, and the sessions of backdated events that the extract as of
-- $as_of is the first to show, each with the earliest of these events.
with week_sessions as (
    select session_id from quality_sessions
),

backdated as (
    select
        session_id,
        min(created_at) as backdated_at
    from quality_new_events
    where is_backdated and session_id is not null
    group by session_id
)

select
    coalesce(week_sessions.session_id, backdated.session_id) as session_id,
    backdated.backdated_at
from week_sessions
full outer join backdated on week_sessions.session_id = backdated.session_id
