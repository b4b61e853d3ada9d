-- The rows of fct_order_changes that the extract as of $as_of added.
select
    order_id,
    change
from marts.fct_order_changes
where as_of = $as_of
