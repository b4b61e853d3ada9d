-- The orders that changed between the extract as of $as_of and the one before it.
select
    order_id,
    min(change) as change,
    count(*) > 1 as order_changes_unique
from marts.fct_order_changes
where as_of = $as_of
group by order_id
