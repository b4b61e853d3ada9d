-- The median total of the orders that each extract up to $as_of is the first to show; number 0 is that of $as_of.
with first_shown as (
    select
        as_of,
        order_total
    from intermediate.int_order_versions
    where
        as_of <= $as_of
        and as_of >= $as_of - interval '84 days'
        and kind = 'appeared'
        and pair_id in (select pairs.pair_id from intermediate.int_extract_pairs as pairs)
),

medians as (
    select
        as_of,
        count(order_total) as orders,
        cast(median(order_total) as double) as median_total
    from first_shown
    group by as_of
)

select
    extracts.as_of,
    coalesce(medians.orders, 0) as orders,
    medians.median_total
from intermediate.int_extract_pairs as extracts
left join medians on extracts.as_of = medians.as_of
where extracts.as_of <= $as_of and extracts.as_of >= $as_of - interval '84 days'
order by extracts.as_of desc
