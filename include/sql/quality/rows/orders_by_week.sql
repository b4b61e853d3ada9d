-- The number of orders of the extract as of $as_of that were made in its week and in each of the eight weeks before.
with aged as (
    select {{ weeks_ago('created_at') }} as weeks_ago
    from quality_orders
    where created_at < $as_of
)

select
    weeks_ago,
    count(*) as orders
from aged
where weeks_ago between 0 and 8
group by weeks_ago
order by weeks_ago
