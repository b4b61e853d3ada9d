-- The products that the sessions of the week that ends at $as_of met, as known then, with the number of their rows in
-- fct_session_products, and with the steps in which such a row goes beyond the session's row in fct_sessions. A time
-- between the earliest backdated event of a session and its start is not compared. Products that are known only because
-- of later extracts are left out unless they are wrong, so that a week is judged alike on the day and later.
with week_sessions as (
    select session_id from quality_sessions
),

backdated as (
    select
        session_id,
        min(backdated_at) as backdated_at
    from intermediate.int_session_steps
    where backdated_at is not null and session_id in (select week_sessions.session_id from week_sessions)
    group by session_id
),

mart_sessions as (
    select
        sessions.session_id,
        min(sessions.started_at) as started_at,
        min(
            case
                when backdated.backdated_at < sessions.started_at then backdated.backdated_at
                else sessions.started_at
            end
        ) as backdated_from,
        min(sessions.page_view_at) as page_view_at,
        min(sessions.add_to_cart_at) as add_to_cart_at,
        min(sessions.checkout_at) as checkout_at,
        min(sessions.package_shipped_at) as package_shipped_at
    from marts.fct_sessions as sessions
    left join backdated on sessions.session_id = backdated.session_id
    where sessions.session_id in (select week_sessions.session_id from week_sessions)
    group by sessions.session_id
),

mart_products as (
    select
        products.session_id,
        products.product_id,
        count(*) over (partition by products.session_id, products.product_id) as copies,
        nullif(concat(
            case when sessions.session_id is null then 'session ' else '' end,
            case
                when
                    products.page_view_at < sessions.backdated_from
                    or (products.page_view_at < sessions.page_view_at and products.page_view_at >= sessions.started_at)
                    or (products.page_view_at is not null and sessions.page_view_at is null)
                    then 'page_view '
                else ''
            end,
            case
                when
                    products.add_to_cart_at < sessions.backdated_from
                    or (
                        products.add_to_cart_at < sessions.add_to_cart_at
                        and products.add_to_cart_at >= sessions.started_at
                    )
                    or (products.add_to_cart_at is not null and sessions.add_to_cart_at is null)
                    then 'add_to_cart '
                else ''
            end,
            case
                when
                    products.checkout_at < sessions.backdated_from
                    or (products.checkout_at < sessions.checkout_at and products.checkout_at >= sessions.started_at)
                    or (products.checkout_at is not null and sessions.checkout_at is null)
                    then 'checkout '
                else ''
            end,
            case
                when
                    products.package_shipped_at < sessions.backdated_from
                    or (
                        products.package_shipped_at < sessions.package_shipped_at
                        and products.package_shipped_at >= sessions.started_at
                    )
                    or (products.package_shipped_at is not null and sessions.package_shipped_at is null)
                    then 'package_shipped '
                else ''
            end
        ), '') as beyond_session_in
    from week_sessions
    inner join marts.fct_session_products as products on week_sessions.session_id = products.session_id
    left join mart_sessions as sessions on products.session_id = sessions.session_id
)

select
    coalesce(known.session_id, mart_products.session_id) as session_id,
    coalesce(known.product_id, mart_products.product_id) as product_id,
    mart_products.beyond_session_in
from quality_session_products as known
full outer join mart_products
    on known.session_id = mart_products.session_id and known.product_id = mart_products.product_id
where known.session_id is not null or mart_products.copies > 1 or mart_products.beyond_session_in is not null
