{{ config(unique_key='order_id', meta={'changed_in': 'int_order_versions'}) }}

with order_versions as (
    {{ current_rows(ref('int_order_versions')) }}
        and {{ is_changed('order_id', ref('int_order_versions')) }}
),

final as (
    select
        order_id,
        count(*) as changes,
        min(as_of) as first_as_of,
        max(as_of) as last_as_of
    from order_versions
    group by order_id
)

select * from final
