-- The admitted extract as of $as_of, and the as_of of the extract with which it is compared; no row if none is
-- admitted.
select
    as_of,
    extract_id,
    previous_as_of
from {{ history }}.int_extract_pairs
where as_of = $as_of
