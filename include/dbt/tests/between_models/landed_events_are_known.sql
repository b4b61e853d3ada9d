-- Every event of an extract is known since then or before, and what appears in an extract is in it.
{{ config(meta={'model': 'int_event_appearances'}) }}

with pairs as (
    {{ pairs_to_check() }}
),

landed as (
    select
        pairs.as_of,
        events.event_id
    from pairs
    inner join {{ ref('stg_greenery__events') }} as events on pairs.extract_id = events.extract_id
),

known as (
    {{ current_rows(ref('int_event_appearances')) }}
        and event_id in (select landed.event_id from landed)
),

known_since as (
    select
        event_id,
        min(as_of) as known_as_of
    from known
    group by event_id
),

appearances as (
    select * from {{ ref('int_event_appearances') }}
    where pair_id in (select pairs.pair_id from pairs)
),

lost as (
    select
        landed.as_of,
        landed.event_id
    from landed
    left join known_since on landed.event_id = known_since.event_id and landed.as_of >= known_since.known_as_of
    where known_since.event_id is null
),

invented as (
    select
        appearances.as_of,
        appearances.event_id
    from pairs
    inner join appearances on pairs.as_of = appearances.as_of
    left join landed on appearances.as_of = landed.as_of and appearances.event_id = landed.event_id
    where landed.event_id is null
),

final as (
    select
        'lost' as problem,
        as_of,
        event_id
    from lost
    union all
    select
        'invented' as problem,
        as_of,
        event_id
    from invented
)

select * from final
