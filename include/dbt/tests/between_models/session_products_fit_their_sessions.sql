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

limits as (
    select
        sessions.*,
        case
            when backdated.backdated_at < sessions.started_at then backdated.backdated_at
            else sessions.started_at
        end as earliest_at
    from sessions
    left join backdated on sessions.session_id = backdated.session_id
),

final as (
    select
        products.session_id,
        products.product_id
    from products
    left join limits on products.session_id = limits.session_id
    where
        limits.session_id is null
        {%- for step in steps() %}
        or (products.{{ step }}_at is not null and limits.{{ step }}_at is null)
        or products.{{ step }}_at < limits.earliest_at
        or (products.{{ step }}_at < limits.{{ step }}_at and products.{{ step }}_at >= limits.started_at)
        {%- endfor %}
)

select * from final
