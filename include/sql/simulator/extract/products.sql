select
    product_id::varchar as product_id,
    name,
    price,
    inventory
from products
inner join product_weeks using (product)
where as_of = getvariable('as_of')
order by product
