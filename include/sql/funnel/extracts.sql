-- The admitted extracts, oldest first.
select
    as_of,
    previous_as_of
from intermediate.int_extract_pairs
order by as_of
