-- The rows of fct_session_products of the sessions of the week that ends at $as_of, and beside them the steps that
-- fct_sessions has of the session.
with week_sessions as (
    select session_id from quality_sessions
    where weeks_ago = 0
),

mart_sessions as (
    select
        session_id,
        min(page_view_at) as page_view_at,
        min(add_to_cart_at) as add_to_cart_at,
        min(checkout_at) as checkout_at,
        min(package_shipped_at) as package_shipped_at
    from marts.fct_sessions
    where session_id in (select week_sessions.session_id from week_sessions)
    group by session_id
)

select
    products.session_id,
    products.product_id,
    products.page_view_at,
    products.add_to_cart_at,
    products.checkout_at,
    products.package_shipped_at,
    mart_sessions.session_id as mart_session_id,
    mart_sessions.page_view_at as session_page_view_at,
    mart_sessions.add_to_cart_at as session_add_to_cart_at,
    mart_sessions.checkout_at as session_checkout_at,
    mart_sessions.package_shipped_at as session_package_shipped_at
from week_sessions
inner join marts.fct_session_products as products on week_sessions.session_id = products.session_id
left join mart_sessions on products.session_id = mart_sessions.session_id
