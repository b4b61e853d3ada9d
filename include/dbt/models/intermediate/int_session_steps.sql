{{ config(unique_key='session_id', meta={'changed_in': 'int_changed_sessions'}) }}

with events_to_build as (
    select event_id from {{ ref('int_event_appearances') }}
    where {{ is_changed('session_id', ref('int_changed_sessions')) }}
),

-- An event that left a window and came back appears twice, perhaps in another session. The content of the earliest
-- extract counts. The log is read twice here, because keeping all appearances meanwhile takes the most memory of a run.
first_appearances as (
    select
        appearances.event_id,
        min(appearances.as_of) as as_of
    from ({{ current_rows(ref('int_event_appearances')) }}) as appearances
    {%- if is_incremental() or not execute %}
    where appearances.event_id in (select events_to_build.event_id from events_to_build)
    {%- endif %}
    group by appearances.event_id
),

events as (
    select appearances.*
    from ({{ current_rows(ref('int_event_appearances')) }}) as appearances
    inner join first_appearances
        on appearances.event_id = first_appearances.event_id and appearances.as_of = first_appearances.as_of
),

final as (
    select
        session_id,
        event_type,
        user_id,
        order_id,
        product_id,
        as_of as known_as_of,
        -- An event dated after the extract that first shows it counts only later, so it is kept apart.
        case when created_at >= as_of then created_at end as dated_ahead_at,
        -- A backdated event may not date its session, so it is kept apart too.
        case when is_backdated then created_at end as backdated_at,
        min(created_at) as first_at,
        max(created_at) as last_at,
        count(*) as events
    from events
    where session_id is not null and created_at is not null
        and {{ is_changed('session_id', ref('int_changed_sessions')) }}
    group by
        session_id,
        event_type,
        user_id,
        order_id,
        product_id,
        as_of,
        case when created_at >= as_of then created_at end,
        case when is_backdated then created_at end
)

select * from final
