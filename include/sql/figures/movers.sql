-- Checkouts by product, country and state in the week that ends at $as_of and in the week before, as known as of
-- $as_of. There is one row for each value that has at least $enough sessions in both weeks.
with sessions as (
    select
        session_id,
        started_at >= $as_of - interval '7 days' as is_of_week,
        checkout_at is not null as is_reached,
        country,
        state
    from {{ sessions }}
    where started_at >= $as_of - interval '14 days'
),

all_values as (
    select
        'product' as dimension,
        session_products.product_id as value,
        sessions.is_of_week,
        session_products.checkout_at is not null as is_reached
    from {{ session_products }} as session_products
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
