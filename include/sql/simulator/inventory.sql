-- Each week starts with a little more of a product than it sold in the week before.
create table product_weeks as
with sales as (
    select
        week,
        product,
        sum(quantity) as sold
    from order_items
    group by all
),

stocks as (
    select
        *,
        coalesce(sold, 0) as gone,
        60 + draw_integer(make_id('stock', week || '/' || product), 0, 40)
        + lag(gone, 1, gone) over (partition by product order by week) * 11 // 10 as stocked
    from prices
    left join sales using (week, product)
)

select
    getvariable('opened_at') + to_weeks(1 + week::integer) as as_of,
    product,
    price,
    greatest(0, stocked - gone)::integer as inventory
from stocks;
