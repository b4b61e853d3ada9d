-- The products of the extract as of $as_of, with their values in the extract before.
with previous_products as (
    select products.*
    from quality_week
    inner join landing.products as products on quality_week.previous_extract_id = products.extract_id
),

names_before as (
    select distinct name from previous_products
)

select
    products.product_id,
    products.name,
    products.price,
    products.inventory,
    previous_products.product_id as previous_product_id,
    previous_products.price as price_before,
    case
        when previous_products.price > 0
            then cast(products.price as double) / cast(previous_products.price as double)
    end as price_over_before,
    case when products.name <> previous_products.name then names_before.name end as name_of_another
from quality_week
inner join landing.products as products on quality_week.extract_id = products.extract_id
left join previous_products on products.product_id = previous_products.product_id
left join names_before on products.name = names_before.name
