-- Each session of an event known before the newest as_of is there once, with the times of its events, and no other. Of
-- the sessions that the run changed.
{{ config(meta={'model': 'fct_sessions'}) }}

with sessions_to_check as (
    {{ sessions_to_check() }}
),

events_to_check as (
    select event_id from {{ ref('int_event_appearances') }}
    where session_id in (select sessions_to_check.session_id from sessions_to_check)
),

appearances as (
    {{ current_rows(ref('int_event_appearances')) }}
        and event_id in (select events_to_check.event_id from events_to_check)
),

extract_pairs as (
    select * from {{ ref('int_extract_pairs') }}
),

sessions as (
    select * from {{ ref('fct_sessions') }}
),

known_since as (
    select
        event_id,
        min(as_of) as known_as_of
    from appearances
    group by event_id
),

known_events as (
    select appearances.*
    from appearances
    inner join known_since
        on appearances.event_id = known_since.event_id and appearances.as_of = known_since.known_as_of
    where appearances.created_at < (select max(extract_pairs.as_of) from extract_pairs)
),

starts as (
    select
        session_id,
        coalesce(min(case when not is_backdated then created_at end), min(created_at)) as started_at
    from known_events
    where session_id in (select sessions_to_check.session_id from sessions_to_check)
    group by session_id
),

-- Times before the start count for a step that has no other.
dated_events as (
    select
        starts.session_id,
        starts.started_at,
        known_events.event_type,
        known_events.created_at,
        case
            when
                known_events.created_at >= starts.started_at
                or max(known_events.created_at) over (partition by starts.session_id, known_events.event_type)
                < starts.started_at
                then known_events.created_at
        end as step_at
    from starts
    inner join known_events on starts.session_id = known_events.session_id
),

expected as (
    select
        session_id,
        started_at,
        max(created_at) as ended_at,
        {% for step in steps() -%}
        min(case when event_type = '{{ step }}' then step_at end) as {{ step }}_at{% if not loop.last %},{% endif %}
        {% endfor %}
    from dated_events
    group by session_id, started_at
),

modelled as (
    select
        session_id,
        started_at,
        ended_at,
        {% for step in steps() -%}
        {{ step }}_at{% if not loop.last %},{% endif %}
        {% endfor %}
    from sessions
    where session_id in (select sessions_to_check.session_id from sessions_to_check)
),

{{ differences('expected', 'modelled', ['session_id']) }}
