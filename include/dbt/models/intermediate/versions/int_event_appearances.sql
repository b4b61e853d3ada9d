with pairs as (
    {{ new_pairs() }}
),

-- For each pair, the times from which the extract before and the extract itself have all events.
windows as (
    select
        pairs.pair_id,
        pairs.previous_as_of,
        previous_extracts.events_since as previous_events_since,
        extracts.events_since
    from pairs
    inner join {{ ref('int_extract_pairs') }} as extracts on pairs.extract_id = extracts.extract_id
    left join {{ ref('int_extract_pairs') }} as previous_extracts
        on pairs.previous_extract_id = previous_extracts.extract_id
),

sides as (
    {{ sides_of_pairs('pairs') }}
),

both_events as (
    select
        sides.pair_id,
        sides.is_current,
        sides.as_of,
        events.event_id,
        events.session_id,
        events.user_id,
        events.order_id,
        events.product_id,
        events.event_type,
        events.created_at
    from sides
    inner join {{ ref('stg_greenery__events') }} as events on sides.extract_id = events.extract_id
),

current_events as (
    select * from both_events
    where is_current
),

previous_events as (
    select * from both_events
    where not is_current
),

final as (
    select
        current_events.event_id,
        current_events.as_of,
        current_events.session_id,
        current_events.user_id,
        current_events.order_id,
        current_events.product_id,
        current_events.event_type,
        current_events.created_at,
        -- The extract before should have had it: by its date, and by its window. It had no chance to show an event
        -- that only the window of this extract covers.
        coalesce(
            current_events.created_at < windows.previous_as_of - interval '{{ var("backdated_after_days") }} days'
            and (
                windows.previous_events_since is null
                or current_events.created_at >= windows.previous_events_since
                or current_events.created_at < windows.events_since
            ),
            false
        ) as is_backdated,
        current_events.pair_id
    from current_events
    inner join windows on current_events.pair_id = windows.pair_id
    left join previous_events
        on
            current_events.pair_id = previous_events.pair_id
            and current_events.event_id = previous_events.event_id
    where previous_events.event_id is null
)

select * from final
