-- The rows of known_session_products.sql with the number of their session.
select
    sessions.session_number,
    known_session_products.product_id,
    known_session_products.started_at,
    known_session_products.page_view_at,
    known_session_products.add_to_cart_at,
    known_session_products.checkout_at,
    known_session_products.package_shipped_at
from known_session_products
inner join sessions on known_session_products.session_id = sessions.session_id
order by sessions.session_number
