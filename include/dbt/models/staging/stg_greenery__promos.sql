with source as (
    select * from {{ source('landing', 'promos') }}
),

renamed as (
    select
        -- ids
        extract_id,
        promo_id,
        -- texts
        status,
        -- numerics
        discount
    from source
)

select * from renamed
