-- The funnel of the selected sessions by product. A session counts for each product that it met or, if $product is
-- given, for each of these products that it met. The columns are those of counts.sql.
select
    session_products.product_id as value,
    count(*) as sessions,
    count(session_products.page_view_at) as page_view,
    count(session_products.add_to_cart_at) as add_to_cart,
    count(session_products.checkout_at) as checkout,
    count(session_products.package_shipped_at) as package_shipped,
    count(
        case
            when
                session_products.package_shipped_at >= selected.started_at
                and session_products.package_shipped_at < selected.start_week + interval '7 days'
                then 1
        end
    ) as shipped_at_equal_age,
    count(
        case
            when
                session_products.checkout_at is not null
                and session_products.package_shipped_at is null
                and selected.started_at >= $young_from
                then 1
        end
    ) as not_shipped
from session_products
inner join selected on session_products.session_number = selected.session_number
where
    session_products.started_at >= $first
    and session_products.started_at < $until
    and ($any_product or session_products.product_id in ($product))
group by session_products.product_id
order by session_products.product_id
