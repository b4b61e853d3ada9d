{{ version_log(ref('stg_greenery__users'), 'user_id', ['created_at', 'updated_at', 'address_id']) }}
