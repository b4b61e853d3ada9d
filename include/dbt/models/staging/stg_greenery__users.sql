with source as (
    select * from {{ source('landing', 'users') }}
),

renamed as (
    select
        -- ids
        extract_id,
        user_id,
        address_id,
        -- timestamps
        created_at,
        updated_at
    from source
)

select * from renamed
