-- The days of the week that ends at $as_of: how both daily funnels fit themselves and the marts that they add up. These
-- are marts alone, which later extracts of the build extend alike. The product is null in the funnel of whole sessions.
with days as (
    select cast($as_of as date) - numbers.number as session_date
    from (values (1), (2), (3), (4), (5), (6), (7)) as numbers (number)
),

daily_rows as (
    select
        session_date,
        cast(null as varchar) as product_id,
        country,
        state,
        sessions,
        page_view,
        add_to_cart,
        checkout,
        package_shipped
    from marts.fct_funnel_daily
    where session_date in (select days.session_date from days)
    union all
    select
        session_date,
        product_id,
        country,
        state,
        sessions,
        page_view,
        add_to_cart,
        checkout,
        package_shipped
    from marts.fct_product_funnel_daily
    where session_date in (select days.session_date from days)
),

daily as (
    select
        session_date,
        product_id,
        country,
        state,
        count(*) as cell_rows,
        sum(sessions) as sessions,
        sum(page_view) as page_view,
        sum(add_to_cart) as add_to_cart,
        sum(checkout) as checkout,
        sum(package_shipped) as package_shipped
    from daily_rows
    group by session_date, product_id, country, state
),

sessions as (
    select
        *,
        cast(started_at as date) as session_date
    from marts.fct_sessions
    where cast(started_at as date) in (select days.session_date from days)
),

counted as (
    select
        session_date,
        cast(null as varchar) as product_id,
        country,
        state,
        count(*) as sessions,
        count(page_view_at) as page_view,
        count(add_to_cart_at) as add_to_cart,
        count(checkout_at) as checkout,
        count(package_shipped_at) as package_shipped
    from sessions
    group by session_date, country, state
    union all
    select
        sessions.session_date,
        session_products.product_id,
        sessions.country,
        sessions.state,
        count(*) as sessions,
        count(session_products.page_view_at) as page_view,
        count(session_products.add_to_cart_at) as add_to_cart,
        count(session_products.checkout_at) as checkout,
        count(session_products.package_shipped_at) as package_shipped
    from sessions
    inner join marts.fct_session_products as session_products on sessions.session_id = session_products.session_id
    group by sessions.session_date, session_products.product_id, sessions.country, sessions.state
),

cells as (
    select
        coalesce(daily.session_date, counted.session_date) as session_date,
        coalesce(daily.product_id, counted.product_id) as product_id,
        coalesce(daily.cell_rows, 0) as cell_rows,
        daily.sessions is distinct from counted.sessions
        or daily.page_view is distinct from counted.page_view
        or daily.add_to_cart is distinct from counted.add_to_cart
        or daily.checkout is distinct from counted.checkout
        or daily.package_shipped is distinct from counted.package_shipped as differs
    from daily
    full outer join counted
        on
            daily.session_date = counted.session_date
            and daily.product_id is not distinct from counted.product_id
            and daily.country = counted.country
            and daily.state = counted.state
),

per_day as (
    select
        session_date,
        count(case when product_id is null and cell_rows > 1 then 1 end) as twice,
        count(case when product_id is not null and cell_rows > 1 then 1 end) as products_twice,
        count(case when product_id is null and differs then 1 end) as differing,
        count(case when product_id is not null and differs then 1 end) as products_differing
    from cells
    group by session_date
)

select
    days.session_date,
    coalesce(per_day.twice, 0) > 0 as funnel_daily_unique,
    coalesce(per_day.differing, 0) > 0 as funnel_daily_equals_sessions,
    coalesce(per_day.products_twice, 0) > 0 as product_funnel_daily_unique,
    coalesce(per_day.products_differing, 0) > 0 as product_funnel_daily_equals_session_products
from days
left join per_day on days.session_date = per_day.session_date
