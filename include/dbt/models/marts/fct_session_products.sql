{{ config(unique_key='session_id', meta={'changed_in': 'int_changed_sessions'}) }}

with session_steps as (
    select * from {{ ref('int_session_steps') }}
),

extract_pairs as (
    select * from {{ ref('int_extract_pairs') }}
),

known_steps as (
    select * from session_steps
    where first_at < (select max(extract_pairs.as_of) from extract_pairs)
        and {{ is_changed('session_id', ref('int_changed_sessions')) }}
),

dated_steps as (
    select
        *,
        {{ session_start() }}
    from known_steps
),

-- The items of the orders that these sessions placed.
order_item_versions as (
    {{ current_rows(ref('int_order_item_versions')) }}
        and order_id in (select known_steps.order_id from known_steps)
),

order_items as (
    select * from order_item_versions
    qualify rank() over (partition by order_id order by as_of desc) = 1
),

product_steps as (
    select
        session_id,
        product_id,
        event_type,
        first_at,
        started_at
    from dated_steps
    where event_type in ('page_view', 'add_to_cart') and product_id is not null
),

order_steps as (
    select
        dated_steps.session_id,
        order_items.product_id,
        dated_steps.event_type,
        dated_steps.first_at,
        dated_steps.started_at
    from dated_steps
    inner join order_items on dated_steps.order_id = order_items.order_id
    where dated_steps.event_type in ('checkout', 'package_shipped')
),

all_steps as (
    select * from product_steps
    union all
    select * from order_steps
),

final as (
    select
        session_id,
        product_id,
        {{ step_times() }}
    from all_steps
    group by session_id, product_id
)

select * from final
