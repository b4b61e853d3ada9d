-- The times that the moves of moves.sql took, in microseconds: one row for each step and day, week or month ($by).
select
    step,
    case $by
        when 'day' then start_day when 'week' then start_week when 'month' then start_month
    end as value,
    count(*) as sessions,
    percentile_cont(0.25) within group (order by microseconds) as percentile_25,
    percentile_cont(0.5) within group (order by microseconds) as percentile_50,
    percentile_cont(0.75) within group (order by microseconds) as percentile_75
from moves
group by 1, 2
order by 2, 1
