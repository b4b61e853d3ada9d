-- The days of the first and the last known session; null if there is none.
select
    cast(min(started_at) as date) as first_day,
    cast(max(started_at) as date) as last_day
from sessions
