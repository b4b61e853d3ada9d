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
    {{ product_steps('dated_steps', 'order_items') }}
),

final as (
    select
        session_id,
        product_id,
        {{ step_times() }}
    from product_steps
    group by session_id, product_id
)

select * from final
