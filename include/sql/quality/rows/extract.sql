-- The extract as of $as_of: one row.
select
    extract_id,
    (
        select count(*) from landing.events as landed
        where landed.extract_id = quality_week.extract_id
    ) as events
from quality_week
