{{ version_log(ref('stg_greenery__products'), 'product_id', ['name', 'price', 'inventory']) }}
