create table events as
with page_views as (
    select
        page_view_id as event_id,
        session_id,
        page_user_id as user_id,
        viewed_at as created_at,
        'page_view' as event_type,
        null::uuid as order_id,
        product_id,
        delay_days + page_delay_days as delay_days
    from pages
),

add_to_carts as (
    select
        make_id('add_to_cart', page_number) as event_id,
        session_id,
        user_id,
        viewed_at + to_seconds(5 + draw_integer(event_id, 0, 30)) as created_at,
        'add_to_cart' as event_type,
        null::uuid as order_id,
        product_id,
        delay_days + draw_delay_days(event_id, 1, 0.005) as delay_days
    from pages
    where in_cart
),

checkouts as (
    select
        checkout_id as event_id,
        session_id,
        user_id,
        checkout_at as created_at,
        'checkout' as event_type,
        order_id,
        null::uuid as product_id,
        delay_days + draw_delay_days(checkout_id, 0, 0.005) as delay_days
    from orders
),

shipments as (
    select
        package_shipped_id as event_id,
        session_id,
        user_id,
        shipped_at as created_at,
        'package_shipped' as event_type,
        order_id,
        null::uuid as product_id,
        delay_days + draw_delay_days(package_shipped_id, 1, 0.02) as delay_days
    from orders
    where shipped_at is not null
),

all_events as (
    from page_views
    union all
    from add_to_carts
    union all
    from checkouts
    union all
    from shipments
)

select
    * exclude (delay_days),
    created_at + to_days(delay_days) as available_at
from all_events;
