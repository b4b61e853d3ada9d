select
    address_id::varchar as address_id,
    address,
    zipcode,
    state,
    country
from addresses
where created_at < getvariable('as_of')
order by created_at, address_id
