-- A product's step is a step of the whole session too, and not earlier. Only a time between the earliest backdated
-- event of the session and its start can be earlier.
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

backdated as (
    select
        session_id,
        min(backdated_at) as backdated_at
    from {{ ref('int_session_steps') }}
    where backdated_at is not null and session_id in (select sessions_to_check.session_id from sessions_to_check)
    group by session_id
),

final as (
    select
        products.session_id,
        products.product_id
    from products
    left join sessions on products.session_id = sessions.session_id
    left join backdated on products.session_id = backdated.session_id
    where
        sessions.session_id is null
        {%- for step in steps() %}
        or (products.{{ step }}_at is not null and sessions.{{ step }}_at is null)
        or (
            products.{{ step }}_at < sessions.started_at
            and products.{{ step }}_at < coalesce(backdated.backdated_at, sessions.started_at)
        )
        or (products.{{ step }}_at < sessions.{{ step }}_at and products.{{ step }}_at >= sessions.started_at)
        {%- endfor %}
)

select * from final
