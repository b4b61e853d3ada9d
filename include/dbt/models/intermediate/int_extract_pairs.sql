with extracts as (
    select * from {{ ref('stg_greenery__extracts') }}
),

neighbours as (
    select
        extract_id,
        as_of,
        events_since,
        lag(extract_id) over (order by as_of) as previous_extract_id,
        lag(as_of) over (order by as_of) as previous_as_of
    from extracts
),

final as (
    select
        as_of,
        extract_id,
        events_since,
        previous_as_of,
        previous_extract_id,
        concat(coalesce(previous_extract_id, 'none'), ' > ', extract_id) as pair_id
    from neighbours
)

select * from final
