-- The median total of the orders made in the week that ends at $as_of and in each of the eight weeks before it, and the
-- spread of the logarithms of the totals. Each order counts with the total that was first shown. So if the shop
-- rewrites old orders in the new unit too, the change of unit is still found.
with first_shown as (
    select
        order_id,
        order_total,
        {{ weeks_ago('created_at') }} as weeks_ago
    from intermediate.int_order_versions
    where
        as_of <= $as_of
        and created_at < $as_of
        and created_at >= $as_of - interval '63 days'
        and kind = 'appeared'
        and pair_id in (select pairs.pair_id from intermediate.int_extract_pairs as pairs)
    qualify row_number() over (partition by order_id order by as_of) = 1
)

select
    weeks_ago,
    count(order_total) as orders,
    median(cast(order_total as double)) as median_total,
    stddev(case when order_total > 0 then ln(cast(order_total as double)) end) as spread
from first_shown
group by weeks_ago
order by weeks_ago
