-- The extract as of $as_of and the one before it in the build: one row.
select
    as_of,
    extract_id,
    previous_as_of,
    previous_extract_id,
    events_since
from intermediate.int_extract_pairs
where as_of = $as_of
