{{ config(materialized='table') }}

with sessions as (
    select * from {{ ref('fct_sessions') }}
),

session_products as (
    select * from {{ ref('fct_session_products') }}
),

-- A session counts for a product on the day it starts, whatever the day it meets the product.
product_sessions as (
    select
        cast(sessions.started_at as date) as session_date,
        session_products.product_id,
        sessions.country,
        sessions.state,
        {% for step in steps() -%}
        session_products.{{ step }}_at{% if not loop.last %},{% endif %}
        {% endfor %}
    from session_products
    inner join sessions on session_products.session_id = sessions.session_id
),

final as (
    select
        session_date,
        product_id,
        country,
        state,
        count(*) as sessions,
        {% for step in steps() -%}
        count({{ step }}_at) as {{ step }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from product_sessions
    group by session_date, product_id, country, state
)

select * from final
