-- The number of sessions that look at each product, in the week that ends at $as_of and in the eight weeks before it.
-- In the rows without a product it is the number of all sessions.
with sessions as (
    {{ of_nine_weeks(sessions) }}
),

products as (
    select
        sessions.weeks_ago,
        session_products.product_id
    from sessions
    inner join {{ session_products }} as session_products on sessions.session_id = session_products.session_id
    where session_products.page_view_at is not null or session_products.add_to_cart_at is not null
)

select
    weeks_ago,
    product_id,
    count(*) as sessions
from products
group by weeks_ago, product_id
union all
select
    weeks_ago,
    null as product_id,
    count(*) as sessions
from sessions
group by weeks_ago
