{{ config(pre_hook="{{ delete_changed_rows(ref('int_product_versions'), 'product_id') }}") }}

with product_versions as (
    {{ rows_to_build(ref('int_product_versions'), 'product_id') }}
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
