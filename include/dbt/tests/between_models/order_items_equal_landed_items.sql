-- For the orders of the newest extract, the newest version of their items is what it shows.
{{ config(meta={'model': 'int_order_item_versions'}) }}

with extract_pairs as (
    select * from {{ ref('int_extract_pairs') }}
),

landed as (
    select
        order_items.order_id,
        order_items.product_id,
        order_items.quantity
    from extract_pairs
    inner join {{ ref('stg_greenery__order_items') }} as order_items
        on extract_pairs.extract_id = order_items.extract_id
    where extract_pairs.as_of = (select max(newest.as_of) from extract_pairs as newest)
),

order_item_versions as (
    {{ current_rows(ref('int_order_item_versions')) }}
        and order_id in (select landed.order_id from landed)
),

newest_versions as (
    select * from order_item_versions
    qualify rank() over (partition by order_id order by as_of desc) = 1
),

modelled as (
    select
        order_id,
        product_id,
        quantity
    from newest_versions
),

{{ differences('landed', 'modelled', ['order_id', 'product_id']) }}
