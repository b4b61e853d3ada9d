select
    event_id::varchar as event_id,
    session_id::varchar as session_id,
    user_id::varchar as user_id,
    'https://greenery.com/' || case event_type
        when 'checkout' then 'checkout/' when 'package_shipped' then 'shipping/' else 'product/'
    end || coalesce(order_id, product_id) as page_url,
    created_at,
    event_type,
    order_id::varchar as order_id,
    product_id::varchar as product_id
from events
where available_at < getvariable('as_of') and coalesce(created_at >= getvariable('events_since'), true)
