-- All products, with the name that was known as of $as_of. If there was none yet, it is a later name; if no extract has
-- the product, it is the id.
with known as (
    select
        product_id,
        name
    from intermediate.int_product_versions
    where as_of <= $as_of
    qualify row_number() over (partition by product_id order by as_of desc) = 1
),

ids as (
    select product_id from analytics.dim_products
    union
    select product_id from session_products
)

select
    ids.product_id as id,
    coalesce(known.name, dim_products.name, ids.product_id) as name
from ids
left join known on ids.product_id = known.product_id
left join analytics.dim_products as dim_products on ids.product_id = dim_products.product_id
order by name, id
