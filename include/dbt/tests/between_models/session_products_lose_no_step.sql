-- Each product of a known page_view or add_to_cart, and each of the order of a known checkout or package_shipped as the
-- newest extract shows it, is there with that step; no later, unless the event is backdated. Of the sessions that the
-- run changed.
{{ config(meta={'model': 'fct_session_products'}) }}

with sessions_to_check as (
    {{ sessions_to_check() }}
),

session_steps as (
    select * from {{ ref('int_session_steps') }}
    where session_id in (select sessions_to_check.session_id from sessions_to_check)
),

extract_pairs as (
    select * from {{ ref('int_extract_pairs') }}
),

session_products as (
    select * from {{ ref('fct_session_products') }}
    where session_id in (select sessions_to_check.session_id from sessions_to_check)
),

newest_extract as (
    select * from extract_pairs
    where as_of = (select max(newest.as_of) from extract_pairs as newest)
),

known_steps as (
    select session_steps.*
    from session_steps
    inner join newest_extract on session_steps.first_at < newest_extract.as_of
),

newest_items as (
    select
        order_items.order_id,
        order_items.product_id
    from newest_extract
    inner join {{ ref('stg_greenery__order_items') }} as order_items
        on newest_extract.extract_id = order_items.extract_id
),

expected as (
    select
        session_id,
        product_id,
        event_type,
        first_at,
        backdated_at
    from known_steps
    where event_type in ('page_view', 'add_to_cart') and product_id is not null
    union all
    select
        known_steps.session_id,
        newest_items.product_id,
        known_steps.event_type,
        known_steps.first_at,
        known_steps.backdated_at
    from known_steps
    inner join newest_items on known_steps.order_id = newest_items.order_id
    where known_steps.event_type in ('checkout', 'package_shipped')
),

modelled as (
    {%- for step in steps() %}
    select
        session_id,
        product_id,
        '{{ step }}' as event_type,
        {{ step }}_at as step_at
    from session_products
    where {{ step }}_at is not null
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

final as (
    select expected.*
    from expected
    left join modelled
        on
            expected.session_id = modelled.session_id
            and expected.product_id = modelled.product_id
            and expected.event_type = modelled.event_type
            and (expected.first_at >= modelled.step_at or expected.backdated_at is not null)
    where modelled.session_id is null
)

select * from final
