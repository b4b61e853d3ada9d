-- The cells of both daily funnels for the week that ends at $as_of, as known then. The product is empty in the funnel
-- of whole sessions.
with sessions as (
    select
        session_id,
        cast(started_at as date) as session_date,
        country,
        state
    from quality_sessions
)

select distinct
    session_date,
    cast(null as varchar) as product_id,
    country,
    state
from sessions
union all
select distinct
    sessions.session_date,
    session_products.product_id,
    sessions.country,
    sessions.state
from sessions
inner join quality_session_products as session_products on sessions.session_id = session_products.session_id
