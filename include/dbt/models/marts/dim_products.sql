{{ config(materialized='table') }}

with product_versions as (
    {{ current_rows(ref('int_product_versions')) }}
),

newest as (
    select * from product_versions
    qualify row_number() over (partition by product_id order by as_of desc) = 1
),

final as (
    select
        product_id,
        name,
        price,
        inventory
    from newest
)

select * from final
