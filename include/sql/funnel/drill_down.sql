-- The selected sessions, newest first, $most at most. These are all of them, those that reached the step $reached, or
-- those that reached the step before $lost and did not reach $lost.
with reached as (
    select
        *,
        case $reached
            when 'page_view' then page_view_at is not null
            when 'add_to_cart' then add_to_cart_at is not null
            when 'checkout' then checkout_at is not null
            when 'package_shipped' then package_shipped_at is not null
            else true
        end as is_reached,
        case $lost
            when 'page_view' then page_view_at is null
            when 'add_to_cart' then page_view_at is not null and add_to_cart_at is null
            when 'checkout' then add_to_cart_at is not null and checkout_at is null
            when 'package_shipped' then checkout_at is not null and package_shipped_at is null
            else true
        end as is_lost
    from selected
),

found as (
    select
        *,
        count(*) over () as total
    from reached
    where is_reached and is_lost
    qualify row_number() over (order by started_at desc, session_id asc) <= $most
),

products as (
    select
        session_products.session_number,
        string_agg(session_products.product_id, chr(10) order by session_products.product_id) as products
    from session_products
    inner join found on session_products.session_number = found.session_number
    group by session_products.session_number
)

select
    found.session_id,
    found.started_at,
    found.ended_at,
    found.country,
    found.state,
    found.visitor,
    found.page_view_at,
    found.add_to_cart_at,
    found.checkout_at,
    found.package_shipped_at,
    products.products,
    found.total
from found
left join products on found.session_number = products.session_number
order by found.started_at desc, found.session_id asc
