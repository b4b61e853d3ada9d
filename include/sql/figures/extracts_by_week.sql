-- For each admitted extract a hash of the admitted extracts up to it: what a report of its week is rendered from.
select
    as_of,
    md5(string_agg(extract_id, ' ') over (order by as_of)) as extracts
from intermediate.int_extract_pairs
order by as_of
