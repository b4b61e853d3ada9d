-- The users that are new in the extract as of $as_of or differ from the one before, and whether their address is known.
-- had_addresses: whether most users of the extract before have a known address; empty if no user has an address.
with known_addresses as (
    select distinct address_id
    from intermediate.int_address_versions
    where as_of <= $as_of and pair_id in (select pairs.pair_id from intermediate.int_extract_pairs as pairs)
),

before as (
    select
        case
            when count(landed.address_id) > 0 then count(known_addresses.address_id) > 0.5 * count(landed.address_id)
        end as had_addresses
    from quality_week
    inner join landing.users as landed on quality_week.previous_extract_id = landed.extract_id
    left join known_addresses on landed.address_id = known_addresses.address_id
)

select
    landed.user_id,
    landed.created_at,
    landed.updated_at,
    landed.address_id,
    known_addresses.address_id as known_address_id,
    coalesce(before.had_addresses, true) as addresses_are_judged,
    case
        when landed.updated_at is null or landed.created_at > landed.updated_at then landed.created_at
        else landed.updated_at
    end as newest_at
from quality_week
inner join landing.users as landed on quality_week.extract_id = landed.extract_id
cross join before
left join known_addresses on landed.address_id = known_addresses.address_id
left join landing.users as previous_users
    on
        quality_week.previous_extract_id = previous_users.extract_id
        and landed.user_id = previous_users.user_id
        and landed.created_at is not distinct from previous_users.created_at
        and landed.updated_at is not distinct from previous_users.updated_at
where previous_users.user_id is null
