{{ config(materialized='table') }}

with address_versions as (
    {{ current_rows(ref('int_address_versions')) }}
),

newest as (
    select * from address_versions
    qualify row_number() over (partition by address_id order by as_of desc) = 1
),

final as (
    select
        address_id,
        zipcode,
        state,
        country
    from newest
)

select * from final
