{{ config(pre_hook="{{ delete_changed_rows(ref('int_address_versions'), 'address_id') }}") }}

with address_versions as (
    {{ rows_to_build(ref('int_address_versions'), 'address_id') }}
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
