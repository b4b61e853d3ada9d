{{ config(materialized='table') }}

with user_versions as (
    {{ current_rows(ref('int_user_versions')) }}
),

newest as (
    select * from user_versions
    qualify row_number() over (partition by user_id order by as_of desc) = 1
),

final as (
    select
        user_id,
        created_at,
        updated_at,
        address_id
    from newest
)

select * from final
