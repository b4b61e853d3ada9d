-- The addresses that are in the extract as of $as_of and in the one before, with the place that each had and has.
select
    addresses.address_id,
    concat(coalesce(previous_addresses.state, ''), ', ', coalesce(previous_addresses.country, '')) as place_before,
    concat(coalesce(addresses.state, ''), ', ', coalesce(addresses.country, '')) as place
from quality_week
inner join landing.addresses as addresses on quality_week.extract_id = addresses.extract_id
inner join landing.addresses as previous_addresses
    on
        quality_week.previous_extract_id = previous_addresses.extract_id
        and addresses.address_id = previous_addresses.address_id
