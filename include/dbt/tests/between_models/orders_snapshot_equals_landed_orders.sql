-- At each extract, the versions that are valid then are its orders, column by column.
{{ config(meta={'model': 'orders_snapshot'}) }}

with pairs as (
    {{ pairs_to_check() }}
),

orders_snapshot as (
    select * from {{ ref('orders_snapshot') }}
),

landed as (
    select
        pairs.as_of,
        orders.order_id,
        {% for column in order_columns() -%}
        orders.{{ column }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from pairs
    inner join {{ ref('stg_greenery__orders') }} as orders on pairs.extract_id = orders.extract_id
),

modelled as (
    select
        pairs.as_of,
        orders_snapshot.order_id,
        {% for column in order_columns() -%}
        orders_snapshot.{{ column }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from pairs
    inner join orders_snapshot
        on
            pairs.as_of >= orders_snapshot.dbt_valid_from
            and (pairs.as_of < orders_snapshot.dbt_valid_to or orders_snapshot.dbt_valid_to is null)
),

{{ differences('landed', 'modelled', ['as_of', 'order_id']) }}
