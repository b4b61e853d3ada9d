-- The orders that changed between the extract as of $as_of and its predecessor.
select *
from marts.fct_order_changes
where as_of = $as_of
