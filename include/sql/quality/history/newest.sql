-- When the newest event and the newest order of the extract as of $as_of were made, those dated ahead left out.
select
    'events' as kind,
    count(*) as all_rows,
    max(case when events.created_at < $as_of then events.created_at end) as newest_at
from quality_week
inner join landing.events as events on quality_week.extract_id = events.extract_id
union all
select
    'orders' as kind,
    count(*) as all_rows,
    max(case when created_at < $as_of then created_at end) as newest_at
from quality_orders
