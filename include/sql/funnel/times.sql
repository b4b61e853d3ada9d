-- The times that the moves of moves.sql took, in microseconds: one row for each step, with percentiles and with the
-- numbers of moves below each limit.
select
    step,
    count(*) as sessions,
    percentile_cont(0.1) within group (order by microseconds) as percentile_10,
    percentile_cont(0.25) within group (order by microseconds) as percentile_25,
    percentile_cont(0.5) within group (order by microseconds) as percentile_50,
    percentile_cont(0.75) within group (order by microseconds) as percentile_75,
    percentile_cont(0.9) within group (order by microseconds) as percentile_90,
    count(case when microseconds < 60000000 then 1 end) as under_1_minute,
    count(case when microseconds < 300000000 then 1 end) as under_5_minutes,
    count(case when microseconds < 900000000 then 1 end) as under_15_minutes,
    count(case when microseconds < 3600000000 then 1 end) as under_1_hour,
    count(case when microseconds < 21600000000 then 1 end) as under_6_hours,
    count(case when microseconds < 86400000000 then 1 end) as under_1_day,
    count(case when microseconds < 259200000000 then 1 end) as under_3_days,
    count(case when microseconds < 604800000000 then 1 end) as under_1_week,
    count(case when microseconds < 1209600000000 then 1 end) as under_2_weeks,
    count(case when microseconds < 2419200000000 then 1 end) as under_4_weeks
from moves
group by step
order by step
