with source as (
    select * from {{ source('landing', 'events') }}
),

renamed as (
    select
        -- ids
        extract_id,
        event_id,
        session_id,
        user_id,
        order_id,
        product_id,
        -- texts
        event_type,
        page_url,
        -- timestamps
        created_at
    from source
)

select * from renamed
