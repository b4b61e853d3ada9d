{{ version_log(ref('stg_greenery__orders'), 'order_id', order_columns()) }}
