-- The number of events of each step in the week that ends at $as_of and in the eight weeks before it, as known then.
with known_steps as (
    select
        event_type,
        product_id,
        events,
        {{ weeks_ago('first_at') }} as weeks_ago
    from intermediate.int_session_steps
    where
        known_as_of <= $as_of
        and first_at < $as_of
        and first_at >= $as_of - interval '63 days'
        and event_type in ('page_view', 'add_to_cart', 'checkout', 'package_shipped')
)

select
    weeks_ago,
    event_type,
    cast(sum(events) as bigint) as events,
    cast(sum(case when product_id is null then events else 0 end) as bigint) as without_product
from known_steps
group by weeks_ago, event_type
order by weeks_ago, event_type
