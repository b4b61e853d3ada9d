-- What was landed against what the models make of it: one row a measure, both numbers equal.
with new_events as (
    select * from quality_new_events
    where created_at < $as_of and session_id is not null
),

new_steps as (
    select * from intermediate.int_session_steps
    where known_as_of = $as_of and first_at < $as_of
),

valid_versions as (
    select * from marts.orders_snapshot
    where dbt_valid_from <= $as_of and (dbt_valid_to is null or dbt_valid_to > $as_of)
),

previous_orders as (
    select landed.order_id
    from quality_week
    inner join landing.orders as landed on quality_week.previous_extract_id = landed.extract_id
),

landed_products as (
    select landed.product_id
    from quality_week
    inner join landing.products as landed on quality_week.extract_id = landed.extract_id
),

landed_users as (
    select landed.user_id
    from quality_week
    inner join landing.users as landed on quality_week.extract_id = landed.extract_id
),

landed_addresses as (
    select landed.address_id
    from quality_week
    inner join landing.addresses as landed on quality_week.extract_id = landed.extract_id
),

measures as (
    select
        'sessions of the events first seen in the extract' as measure,
        (select count(distinct session_id) from new_events) as landed,
        (select count(distinct session_id) from new_steps) as modelled
    union all
    select
        'events first seen in the extract' as measure,
        (select count(*) from new_events) as landed,
        (select cast(coalesce(sum(events), 0) as bigint) from new_steps) as modelled
    union all
    select
        'orders of the extract, in orders_snapshot' as measure,
        (select count(*) from quality_orders) as landed,
        (select count(*) from valid_versions) as modelled
    union all
    select
        'orders new or changed since the extract before, in fct_order_changes' as measure,
        (
            select count(*) from quality_orders
            where is_news and exists (select 1 from quality_week where quality_week.previous_as_of is not null)
        ) as landed,
        (
            select count(*) from marts.fct_order_changes
            where as_of = $as_of and change <> 'removed'
        ) as modelled
    union all
    select
        'orders gone since the extract before, in fct_order_changes' as measure,
        (
            select count(*) from previous_orders
            where order_id not in (select quality_orders.order_id from quality_orders)
        ) as landed,
        (
            select count(*) from marts.fct_order_changes
            where as_of = $as_of and change = 'removed'
        ) as modelled
    union all
    select
        'products of the extract, in dim_products' as measure,
        (select count(*) from landed_products) as landed,
        (
            select count(*) from marts.dim_products
            where product_id in (select landed_products.product_id from landed_products)
        ) as modelled
    union all
    select
        'users of the extract, in dim_users' as measure,
        (select count(*) from landed_users) as landed,
        (
            select count(*) from marts.dim_users
            where user_id in (select landed_users.user_id from landed_users)
        ) as modelled
    union all
    select
        'addresses of the extract, in dim_addresses' as measure,
        (select count(*) from landed_addresses) as landed,
        (
            select count(*) from marts.dim_addresses
            where address_id in (select landed_addresses.address_id from landed_addresses)
        ) as modelled
)

select
    *,
    landed <> modelled as marts_reconcile
from measures
