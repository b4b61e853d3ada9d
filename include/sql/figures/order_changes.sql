-- The orders that changed between the extract as of $as_of and the one before, each with its total from the newest
-- extract up to then that has the order.
with order_totals as (
    select
        order_id,
        order_total
    from analytics.orders_snapshot
    where dbt_valid_from <= $as_of
    qualify row_number() over (partition by order_id order by dbt_valid_from desc) = 1
)

select
    order_changes.order_id,
    order_changes.change,
    order_changes.status_from,
    order_changes.status_to,
    order_changes.changed_columns,
    order_totals.order_total
from analytics.fct_order_changes as order_changes
left join order_totals on order_changes.order_id = order_totals.order_id
where order_changes.as_of = $as_of
order by order_changes.change, order_changes.order_id
