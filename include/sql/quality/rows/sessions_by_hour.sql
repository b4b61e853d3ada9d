-- The number of sessions that start in each hour of the week that ends at $as_of and of the eight weeks before it, as
-- known then.
with sessions as (
    {{ of_nine_weeks(sessions) }}
),

by_hour as (
    select
        weeks_ago,
        cast(
            floor(
                168 * (weeks_ago + 1) - cast(datediff('microsecond', started_at, $as_of) as double) / 3600000000
            ) as integer
        ) as hour_of_week
    from sessions
)

select
    weeks_ago,
    hour_of_week,
    count(*) as sessions
from by_hour
group by weeks_ago, hour_of_week
order by weeks_ago, hour_of_week
