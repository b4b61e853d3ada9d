-- The orders that changed between the extract as of $as_of and its predecessor.
select
    order_id,
    change,
    status_from,
    status_to,
    changed_columns
from analytics.fct_order_changes
where as_of = $as_of
order by change, order_id
