{{ version_log(ref('stg_greenery__addresses'), 'address_id', ['zipcode', 'state', 'country']) }}
