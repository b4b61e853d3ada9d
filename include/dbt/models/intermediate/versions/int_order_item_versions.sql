with pairs as (
    {{ new_pairs() }}
),

sides as (
    {{ sides_of_pairs('pairs') }}
),

both_items as (
    select
        sides.pair_id,
        sides.is_current,
        sides.as_of,
        order_items.order_id,
        order_items.product_id,
        order_items.quantity
    from sides
    inner join {{ ref('stg_greenery__order_items') }} as order_items on sides.extract_id = order_items.extract_id
),

current_items as (
    select * from both_items
    where is_current
),

previous_items as (
    select * from both_items
    where not is_current
),

-- The items of an order are kept together: if any of them differs, all present items are the new version.
changed_orders as (
    select distinct
        coalesce(current_items.pair_id, previous_items.pair_id) as pair_id,
        coalesce(current_items.order_id, previous_items.order_id) as order_id
    from current_items
    full outer join previous_items
        on
            current_items.pair_id = previous_items.pair_id
            and current_items.order_id = previous_items.order_id
            and current_items.product_id = previous_items.product_id
    where current_items.quantity is distinct from previous_items.quantity
        or current_items.product_id is null
        or previous_items.product_id is null
),

final as (
    select
        current_items.order_id,
        current_items.product_id,
        current_items.as_of,
        current_items.quantity,
        current_items.pair_id
    from current_items
    inner join changed_orders
        on
            current_items.pair_id = changed_orders.pair_id
            and current_items.order_id = changed_orders.order_id
)

select * from final
