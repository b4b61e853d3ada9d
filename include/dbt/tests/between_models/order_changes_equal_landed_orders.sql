-- The changes at an extract are what its orders and those of the extract before differ in.
{{ config(meta={'model': 'fct_order_changes'}) }}

with pairs as (
    {{ pairs_to_check() }}
),

order_changes as (
    select * from {{ ref('fct_order_changes') }}
),

orders_snapshot as (
    select * from {{ ref('orders_snapshot') }}
),

sides as (
    {{ sides_of_pairs('pairs') }}
),

both_orders as (
    select
        sides.as_of,
        sides.is_current,
        orders.order_id,
        {% for column in order_columns() -%}
        orders.{{ column }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from sides
    inner join {{ ref('stg_greenery__orders') }} as orders on sides.extract_id = orders.extract_id
),

current_orders as (
    select * exclude (is_current)
    from both_orders
    where
        is_current
        and as_of in (
            select pairs.as_of from pairs
            where pairs.previous_as_of is not null
        )
),

previous_orders as (
    select * exclude (is_current)
    from both_orders
    where not is_current
),

not_as_before as (
    select * from current_orders
    except
    select * from previous_orders
),

first_versions as (
    select
        order_id,
        min(dbt_valid_from) as first_as_of
    from orders_snapshot
    where order_id in (select not_as_before.order_id from not_as_before)
    group by order_id
),

changed as (
    select
        not_as_before.as_of,
        not_as_before.order_id,
        case
            when previous_orders.order_id is not null
                and (not_as_before.status is distinct from previous_orders.status) then 'status_changed'
            when previous_orders.order_id is not null then 'details_changed'
            when first_versions.first_as_of < not_as_before.as_of then 'returned'
            else 'new'
        end as change,
        previous_orders.status as status_from,
        not_as_before.status as status_to
    from not_as_before
    left join previous_orders
        on not_as_before.as_of = previous_orders.as_of and not_as_before.order_id = previous_orders.order_id
    left join first_versions on not_as_before.order_id = first_versions.order_id
),

removed as (
    select
        previous_orders.as_of,
        previous_orders.order_id,
        'removed' as change,
        previous_orders.status as status_from,
        cast(null as varchar) as status_to
    from previous_orders
    left join current_orders
        on previous_orders.as_of = current_orders.as_of and previous_orders.order_id = current_orders.order_id
    where current_orders.order_id is null
),

landed as (
    select * from changed
    union all
    select * from removed
),

modelled as (
    select
        order_changes.as_of,
        order_changes.order_id,
        order_changes.change,
        order_changes.status_from,
        order_changes.status_to
    from pairs
    inner join order_changes on pairs.as_of = order_changes.as_of
),

{{ differences('landed', 'modelled', ['as_of', 'order_id', 'change']) }}
