{{ config(unique_key='order_id', meta={'changed_in': 'int_order_versions'}) }}

with order_versions as (
    {{ current_rows(ref('int_order_versions')) }}
        and {{ is_changed('order_id', ref('int_order_versions')) }}
),

with_ends as (
    select
        *,
        lead(as_of) over (partition by order_id order by as_of) as next_as_of
    from order_versions
),

final as (
    select
        order_id,
        {%- for column in order_columns() %}
        {{ column }},
        {%- endfor %}
        {{ scd_id('order_id', 'as_of') }} as dbt_scd_id,
        as_of as dbt_updated_at,
        as_of as dbt_valid_from,
        next_as_of as dbt_valid_to
    from with_ends
    where kind <> 'vanished'
)

select * from final
