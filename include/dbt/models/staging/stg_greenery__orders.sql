with source as (
    select * from {{ source('landing', 'orders') }}
),

renamed as (
    select
        -- ids
        extract_id,
        order_id,
        user_id,
        promo_id,
        address_id,
        tracking_id,
        -- texts
        status,
        shipping_service,
        -- numerics
        order_cost,
        shipping_cost,
        order_total,
        -- timestamps
        created_at,
        estimated_delivery_at,
        delivered_at
    from source
)

select * from renamed
