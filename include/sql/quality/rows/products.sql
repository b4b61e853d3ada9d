-- The products of the extract as of $as_of beside the extract before.
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
    previous_products.price as price_before,
    products.price <= 0 as prices_positive,
    coalesce(products.inventory < 0, false) as inventory_not_negative,
    case
        when previous_products.price > 0
            then products.price > 2 * previous_products.price or products.price < 0.5 * previous_products.price
    end as prices_steady,
    case
        when previous_products.price > 0
            then products.price > 10 * previous_products.price or products.price < 0.1 * previous_products.price
    end as prices_in_scale,
    case
        when previous_products.product_id is not null
            then products.name <> previous_products.name and names_before.name is not null
    end as product_names_not_swapped
from quality_week
inner join landing.products as products on quality_week.extract_id = products.extract_id
left join previous_products on products.product_id = previous_products.product_id
left join names_before on products.name = names_before.name
