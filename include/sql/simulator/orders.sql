-- A shipment sent back is seen as preparing by exactly one extract, since that state lasts a week; it was seen as
-- shipped by the one before. An order is removed a week or more after it was made, so some extract has shown it.
create table order_items as
select
    make_id('order', session) as order_id,
    week,
    product,
    product_id,
    price,
    sum(1 + draw_integer(page_view_id, 1, 3))::integer as quantity
from pages
inner join prices using (week, product)
where is_bought
group by all;

create table orders as
with costs as (
    select
        order_id,
        sum(quantity * price)::decimal(12, 2) as order_cost
    from order_items
    group by order_id
),

checkouts as (
    select
        make_id('order', session) as order_id,
        make_id('tracking', session) as tracking_id,
        make_id('checkout', session) as checkout_id,
        make_id('package_shipped', session) as package_shipped_id,
        make_id('removal', session) as removal_id,
        session_id,
        user_id,
        delay_days,
        started_at + to_seconds(pages * page_seconds) as checkout_at
    from sessions
    where checks_out
),

promo_numbers as (
    select
        promo_id,
        discount,
        row_number() over (order by promo_id) - 1 as promo_number
    from promos
),

priced as (
    select
        checkouts.*,
        checkout_at - to_seconds(1 + draw_integer(order_id, 0, 4)) as created_at,
        if(checkout_at > moved_at, new_address_id, address_id) as address_id,
        promo_id,
        order_cost,
        ((100 + draw_integer(order_id, 1, 900)) / 100)::decimal(12, 2) as shipping_cost,
        order_cost + shipping_cost - coalesce(discount, 0) as order_total
    from checkouts
    inner join costs using (order_id)
    inner join users using (user_id)
    left join promo_numbers on promo_number = draw_integer(order_id, 2, 60) and discount <= order_cost
),

lags as (
    select
        *,
        draw(tracking_id, 0) * draw(tracking_id, 0) as lag,
        if(draw(tracking_id, 1) < 0.02, 1000, 500) as most_hours,
        draw(tracking_id, 1) > 0.99 as is_lost
    from priced
),

shipments as (
    select
        *,
        if(is_lost, null, checkout_at + to_seconds(7200 + floor(lag * lag * most_hours * 3600)::bigint)) as shipped_at,
        draw(package_shipped_id, 0) < 0.08 as is_delayed,
        draw(package_shipped_id, 0) < 0.015 as is_sent_back,
        draw(removal_id, 0) < 0.01 as is_removed,
        created_at + to_days(7 + draw_integer(removal_id, 1, 21)) as removed_at
    from lags
)

select
    * exclude (lag, most_hours, is_lost, is_removed, removed_at),
    draw_from(tracking_id, 2, ['ups', 'ups', 'ups', 'fedex', 'fedex', 'usps', 'dhl']) as shipping_service,
    shipped_at + to_hours(if(is_delayed, 15, 1) * 24 + draw_integer(tracking_id, 3, 5 * 24)) as delivered_at,
    if(is_sent_back, shipped_at + to_days(7), null) as sent_back_at,
    if(is_removed and removed_at > getvariable('first_as_of'), removed_at, null) as removed_at,
    if(draw(removal_id, 2) < 0.5, removed_at + to_days(7 + draw_integer(removal_id, 3, 14)), null) as returned_at
from shipments
order by created_at, order_id;
