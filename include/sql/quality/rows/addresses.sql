-- The addresses that both the extract as of $as_of and the one before show: is each where it was?
select
    addresses.address_id,
    previous_addresses.state as state_before,
    addresses.state,
    addresses.state is distinct from previous_addresses.state
    or addresses.country is distinct from previous_addresses.country as addresses_keep_their_place
from quality_week
inner join landing.addresses as addresses on quality_week.extract_id = addresses.extract_id
inner join landing.addresses as previous_addresses
    on
        quality_week.previous_extract_id = previous_addresses.extract_id
        and addresses.address_id = previous_addresses.address_id
