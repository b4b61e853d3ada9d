-- The sessions of a selection that met one of the products $product, each once, with the steps that it reached with one
-- of them.
with met as (
    select
        session_number,
        min(page_view_at) as page_view_at,
        min(add_to_cart_at) as add_to_cart_at,
        min(checkout_at) as checkout_at,
        min(package_shipped_at) as package_shipped_at
    from session_products
    where product_id in ($product) and started_at >= $first and started_at < $until
    group by session_number
)

select
    sessions.session_number,
    sessions.session_id,
    sessions.started_at,
    sessions.ended_at,
    sessions.country,
    sessions.state,
    sessions.start_day,
    sessions.start_week,
    sessions.start_month,
    sessions.weekday,
    sessions.visitor,
    met.page_view_at,
    met.add_to_cart_at,
    met.checkout_at,
    met.package_shipped_at
from sessions
inner join met on sessions.session_number = met.session_number
where
    sessions.started_at >= $first
    and sessions.started_at < $until
    and ($any_country or sessions.country in ($country))
    and ($any_state or sessions.state in ($state))
    and ($any_weekday or sessions.weekday in ($weekday))
    and ($any_visitor or sessions.visitor in ($visitor))
