-- The extracts of a build, each with the extract before it: all admitted extracts and the extract of the run that
-- builds. If the run withdraws its extract, this extract is left out.
with extracts as (
    select extracts.*
    from landing.extracts
    left join landing.build_lock on extracts.extract_id = build_lock.extract_id
    where
        (extracts.state = 'admitted' and build_lock.extract_id is null)
        or build_lock.withdrawal = ''
),

neighbours as (
    select
        as_of,
        extract_id,
        events_since,
        lag(as_of) over (order by as_of) as previous_as_of,
        lag(extract_id) over (order by as_of) as previous_extract_id
    from extracts
)

select
    *,
    coalesce(previous_extract_id, 'none') || ' > ' || extract_id as pair_id
from neighbours
