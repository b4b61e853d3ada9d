{{ config(pre_hook="{{ delete_changed_rows(ref('int_user_versions'), 'user_id') }}") }}

with user_versions as (
    {{ rows_to_build(ref('int_user_versions'), 'user_id') }}
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
