-- Over days, countries and states, a product's sessions add up to fct_session_products in every count.
with funnel_daily as (
    select * from {{ ref('fct_funnel_daily') }}
),

session_products as (
    select * from {{ ref('fct_session_products') }}
),

daily as (
    select
        product_id,
        sum(sessions) as sessions,
        {% for step in steps() -%}
        sum({{ step }}) as {{ step }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from funnel_daily
    where product_id <> 'all'
    group by product_id
),

counted as (
    select
        product_id,
        count(*) as sessions,
        {% for step in steps() -%}
        count({{ step }}_at) as {{ step }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from session_products
    group by product_id
),

final as (
    select
        coalesce(daily.product_id, counted.product_id) as product_id,
        daily.sessions as daily_sessions,
        counted.sessions as counted_sessions
    from daily
    full outer join counted on daily.product_id = counted.product_id
    where
        daily.sessions is distinct from counted.sessions
        {%- for step in steps() %}
        or daily.{{ step }} is distinct from counted.{{ step }}
        {%- endfor %}
)

select * from final
