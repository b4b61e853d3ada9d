-- The cells of both daily funnels for the week that ends at $as_of, as known then, and whether their counts equal those
-- of the marts that they add up. Later extracts of the build extend all of these marts in the same way. Cells that
-- exist only because of later extracts are left out unless they differ, so that a week is judged alike on the day and
-- later. The product is empty in the funnel of whole sessions.
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

compared as (
    select
        coalesce(daily.session_date, counted.session_date) as session_date,
        coalesce(daily.product_id, counted.product_id) as product_id,
        coalesce(daily.country, counted.country) as country,
        coalesce(daily.state, counted.state) as state,
        nullif(concat(
            case when daily.sessions is distinct from counted.sessions then 'sessions ' else '' end,
            case when daily.page_view is distinct from counted.page_view then 'page_view ' else '' end,
            case when daily.add_to_cart is distinct from counted.add_to_cart then 'add_to_cart ' else '' end,
            case when daily.checkout is distinct from counted.checkout then 'checkout ' else '' end,
            case when daily.package_shipped is distinct from counted.package_shipped then 'package_shipped ' else '' end
        ), '') as differs_in
    from daily
    full outer join counted
        on
            daily.session_date = counted.session_date
            and coalesce(daily.product_id, '') = coalesce(counted.product_id, '')
            and daily.country = counted.country
            and daily.state = counted.state
)

select
    coalesce(known.session_date, compared.session_date) as session_date,
    coalesce(known.product_id, compared.product_id) as product_id,
    coalesce(known.country, compared.country) as country,
    coalesce(known.state, compared.state) as state,
    compared.differs_in
from quality_funnel_cells as known
full outer join compared
    on
        known.session_date = compared.session_date
        and coalesce(known.product_id, '') = coalesce(compared.product_id, '')
        and known.country = compared.country
        and known.state = compared.state
where known.session_date is not null or compared.differs_in is not null
