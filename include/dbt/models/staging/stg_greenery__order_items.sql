with source as (
    select * from {{ source('landing', 'order_items') }}
),

renamed as (
    select
        -- ids
        extract_id,
        order_id,
        product_id,
        -- numerics
        quantity
    from source
)

select * from renamed
