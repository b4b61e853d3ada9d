-- The number of sessions that start in each hour of the week that ends at $as_of and of the eight weeks before it, as
-- known then.
select
    weeks_ago,
    hour_of_week,
    count(*) as sessions
from quality_sessions
group by weeks_ago, hour_of_week
order by weeks_ago, hour_of_week
