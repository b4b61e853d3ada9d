with pairs as (
    {{ new_pairs() }}
),

events as (
    select * from {{ ref('stg_greenery__events') }}
),

previous_events as (
    select
        pairs.pair_id,
        events.event_id
    from pairs
    inner join events on pairs.previous_extract_id = events.extract_id
),

final as (
    select
        events.event_id,
        pairs.as_of,
        events.session_id,
        events.user_id,
        events.order_id,
        events.product_id,
        events.event_type,
        events.created_at,
        pairs.pair_id
    from pairs
    inner join events on pairs.extract_id = events.extract_id
    left join previous_events
        on
            pairs.pair_id = previous_events.pair_id
            and events.event_id = previous_events.event_id
    where previous_events.event_id is null
)

select * from final
