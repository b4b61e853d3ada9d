with source as (
    select * from {{ source('landing', 'products') }}
),

renamed as (
    select
        -- ids
        extract_id,
        product_id,
        -- texts
        name,
        -- numerics
        price,
        inventory
    from source
)

select * from renamed
