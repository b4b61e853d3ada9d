-- The sessions of sessions.sql and the products that they met, with the time of each step, as known as of $as_of. Times
-- are UTC.
select
    sessions.session_number,
    session_products.product_id,
    sessions.started_at,
    session_products.page_view_at,
    session_products.add_to_cart_at,
    session_products.checkout_at,
    session_products.package_shipped_at
from {{ session_products }} as session_products
inner join sessions on session_products.session_id = sessions.session_id
order by sessions.session_number
