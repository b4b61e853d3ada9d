-- The products of the extract before the one as of $as_of, and whether they are still there.
select
    previous_products.product_id,
    previous_products.name,
    products.product_id as product_id_now
from quality_week
inner join landing.products as previous_products on quality_week.previous_extract_id = previous_products.extract_id
left join landing.products as products
    on quality_week.extract_id = products.extract_id and previous_products.product_id = products.product_id
