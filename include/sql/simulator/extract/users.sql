select
    user_id::varchar as user_id,
    first_name,
    last_name,
    email,
    phone_number,
    created_at,
    if(moved_at < getvariable('as_of'), moved_at, created_at) as updated_at,
    if(moved_at < getvariable('as_of'), new_address_id, address_id)::varchar as address_id
from users
where created_at < getvariable('as_of')
order by created_at, user_id
