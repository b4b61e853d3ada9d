-- The admitted extracts, oldest first, without the states of an imported order history.
select
    as_of,
    previous_as_of
from intermediate.int_extract_pairs
where extract_id not like 'imported-%'
order by as_of
