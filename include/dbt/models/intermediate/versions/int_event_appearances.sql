with pairs as (
    {{ new_pairs() }}
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
        current_events.pair_id
    from current_events
    left join previous_events
        on
            current_events.pair_id = previous_events.pair_id
            and current_events.event_id = previous_events.event_id
    where previous_events.event_id is null
)

select * from final
