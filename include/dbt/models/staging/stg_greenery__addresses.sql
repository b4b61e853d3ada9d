with source as (
    select * from {{ source('landing', 'addresses') }}
),

renamed as (
    select
        -- ids
        extract_id,
        address_id,
        -- texts
        zipcode,
        state,
        country
    from source
)

select * from renamed
