-- The orders that changed between the extract as of $as_of and the one before, with their total and their products
-- then. An order that is gone has its last values.
with changes as (
    select *
    from analytics.fct_order_changes
    where as_of = $as_of
),

versions as (
    select
        order_id,
        created_at,
        order_total
    from analytics.orders_snapshot
    where dbt_valid_from <= $as_of and order_id in (select changes.order_id from changes)
    qualify row_number() over (partition by order_id order by dbt_valid_from desc) = 1
),

order_items as (
    select
        order_id,
        product_id
    from intermediate.int_order_item_versions
    where as_of <= $as_of and order_id in (select changes.order_id from changes)
    qualify rank() over (partition by order_id order by as_of desc) = 1
),

products as (
    select
        order_id,
        string_agg(product_id, chr(10) order by product_id) as products
    from order_items
    group by order_id
)

select
    changes.order_id,
    changes.change,
    changes.status_from,
    changes.status_to,
    changes.changed_columns,
    versions.created_at,
    versions.order_total,
    products.products
from changes
left join versions on changes.order_id = versions.order_id
left join products on changes.order_id = products.order_id
order by changes.change, changes.order_id
