-- The admitted extract as of $as_of and what it is compared with; no row if none is admitted.
select
    as_of,
    extract_id,
    previous_as_of
from {{ history }}.int_extract_pairs
where as_of = $as_of
