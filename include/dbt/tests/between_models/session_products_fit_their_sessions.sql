-- A product's step is a step of the whole session too, and not earlier, unless its time is before the session's start:
-- then it is that of a backdated event.
{{ config(meta={'model': 'fct_session_products'}) }}

with sessions_to_check as (
    {{ sessions_to_check() }}
),

products as (
    select * from {{ ref('fct_session_products') }}
    where session_id in (select sessions_to_check.session_id from sessions_to_check)
),

sessions as (
    select * from {{ ref('fct_sessions') }}
    where session_id in (select sessions_to_check.session_id from sessions_to_check)
),

final as (
    select
        products.session_id,
        products.product_id
    from products
    left join sessions on products.session_id = sessions.session_id
    where
        sessions.session_id is null
        {%- for step in steps() %}
        or (products.{{ step }}_at is not null and sessions.{{ step }}_at is null)
        or (products.{{ step }}_at >= sessions.started_at and products.{{ step }}_at < sessions.{{ step }}_at)
        {%- endfor %}
)

select * from final
