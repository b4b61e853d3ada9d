-- Checkouts by product, country and state in the week that ends at $as_of and in the week before, as known as of
-- $as_of. One row a value that at least $enough sessions of each of both weeks have. Times are UTC.
with known_steps as (
    select *
    from intermediate.int_session_steps
    where known_as_of <= $as_of and first_at < $as_of
),

-- All steps of the sessions that did anything in the two weeks: no other session can start in them.
recent_steps as (
    select *
    from known_steps
    where session_id in (
        select active.session_id
        from known_steps as active
        where active.first_at >= $as_of - interval '14 days'
    )
),

sessions as (
    select
        session_id,
        min(first_at) >= $as_of - interval '7 days' as is_of_week,
        count(case when event_type = 'checkout' then 1 end) > 0 as is_reached
    from recent_steps
    group by session_id
    having min(first_at) >= $as_of - interval '14 days'
),

session_users as (
    select
        session_id,
        user_id
    from recent_steps
    where user_id is not null
    qualify row_number() over (partition by session_id order by first_at, user_id) = 1
),

-- A row that is gone shows what was last there.
users as (
    select
        user_id,
        address_id
    from intermediate.int_user_versions
    where as_of <= $as_of and user_id in (select session_users.user_id from session_users)
    qualify row_number() over (partition by user_id order by as_of desc) = 1
),

addresses as (
    select
        address_id,
        country,
        state
    from intermediate.int_address_versions
    where as_of <= $as_of and address_id in (select users.address_id from users)
    qualify row_number() over (partition by address_id order by as_of desc) = 1
),

session_places as (
    select
        sessions.session_id,
        coalesce(addresses.country, 'unknown') as country,
        coalesce(addresses.state, 'unknown') as state
    from sessions
    left join session_users on sessions.session_id = session_users.session_id
    left join users on session_users.user_id = users.user_id
    left join addresses on users.address_id = addresses.address_id
),

order_items as (
    select
        order_id,
        product_id
    from intermediate.int_order_item_versions
    where as_of <= $as_of and order_id in (select recent_steps.order_id from recent_steps)
    qualify rank() over (partition by order_id order by as_of desc) = 1
),

product_steps as (
    select
        session_id,
        product_id,
        event_type
    from recent_steps
    where event_type in ('page_view', 'add_to_cart') and product_id is not null
    union all
    select
        recent_steps.session_id,
        order_items.product_id,
        recent_steps.event_type
    from recent_steps
    inner join order_items on recent_steps.order_id = order_items.order_id
    where recent_steps.event_type in ('checkout', 'package_shipped')
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
        session_places.country as value,
        sessions.is_of_week,
        sessions.is_reached
    from session_places
    inner join sessions on session_places.session_id = sessions.session_id
    union all
    select
        'state' as dimension,
        session_places.state as value,
        sessions.is_of_week,
        sessions.is_reached
    from session_places
    inner join sessions on session_places.session_id = sessions.session_id
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
    from intermediate.int_product_versions
    where as_of <= $as_of and product_id in (select compared.value from compared)
    qualify row_number() over (partition by product_id order by as_of desc) = 1
)

select
    compared.*,
    coalesce(products.name, compared.value) as name
from compared
left join products on compared.dimension = 'product' and compared.value = products.product_id
order by compared.dimension, compared.value
