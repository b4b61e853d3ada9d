-- An order has one version at a time, and a version lasts. Of the orders that the pairs to check changed.
{{ config(meta={'model': 'orders_snapshot'}) }}

with orders_snapshot as (
    select * from {{ ref('orders_snapshot') }}
    where order_id in ({{ keys_to_check(ref('int_order_versions'), 'order_id') }})
),

with_next as (
    select
        order_id,
        dbt_valid_from,
        dbt_valid_to,
        lead(dbt_valid_from) over (partition by order_id order by dbt_valid_from) as next_valid_from
    from orders_snapshot
),

final as (
    select * from with_next
    where
        dbt_valid_to <= dbt_valid_from
        or next_valid_from < dbt_valid_to
        or (next_valid_from is not null and dbt_valid_to is null)
)

select * from final
