-- Checkouts by product, country and state in the week that ends at $as_of and in the week before, as known as of
-- $as_of. There is one row for each value that has at least $enough sessions in both weeks. It reads recent_sessions.
with sessions as (
    select
        session_id,
        weeks_ago = 0 as is_of_week,
        checkout_at is not null as is_reached,
        coalesce(country, 'unknown') as country,
        coalesce(state, 'unknown') as state
    from recent_sessions
    where weeks_ago <= 1
),

steps as (
    select session_steps.*
    from sessions
    inner join {{ history }}.int_session_steps as session_steps on sessions.session_id = session_steps.session_id
    where session_steps.known_as_of <= $as_of and session_steps.first_at < $as_of
),

order_items as (
    select
        order_id,
        product_id
    from {{ history }}.int_order_item_versions
    where as_of <= $as_of and order_id in (select steps.order_id from steps)
    qualify rank() over (partition by order_id order by as_of desc) = 1
),

product_steps as (
    select
        session_id,
        product_id,
        event_type
    from steps
    where event_type in ('page_view', 'add_to_cart') and product_id is not null
    union all
    select
        steps.session_id,
        order_items.product_id,
        steps.event_type
    from steps
    inner join order_items on steps.order_id = order_items.order_id
    where steps.event_type in ('checkout', 'package_shipped')
),

session_products as (
    select
        session_id,
        product_id,
        count(case when event_type = 'checkout' then 1 end) > 0 as is_reached
    from product_steps
    group by session_id, product_id
),

all_values as (
    select
        'product' as dimension,
        session_products.product_id as value,
        sessions.is_of_week,
        session_products.is_reached
    from session_products
    inner join sessions on session_products.session_id = sessions.session_id
    union all
    select
        'country' as dimension,
        country as value,
        is_of_week,
        is_reached
    from sessions
    union all
    select
        'state' as dimension,
        state as value,
        is_of_week,
        is_reached
    from sessions
),

counts as (
    select
        dimension,
        value,
        count(case when is_of_week then 1 end) as sessions,
        count(case when not is_of_week then 1 end) as sessions_before,
        count(case when is_of_week and is_reached then 1 end) as reached,
        count(case when not is_of_week and is_reached then 1 end) as reached_before
    from all_values
    group by dimension, value
),

compared as (
    select *
    from counts
    where sessions >= $enough and sessions_before >= $enough
),

products as (
    select
        product_id,
        name
    from {{ history }}.int_product_versions
    where as_of <= $as_of and product_id in (select compared.value from compared)
    qualify row_number() over (partition by product_id order by as_of desc) = 1
)

select
    compared.*,
    coalesce(products.name, compared.value) as name
from compared
left join products on compared.dimension = 'product' and compared.value = products.product_id
order by compared.dimension, compared.value
