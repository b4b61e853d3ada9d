-- Over countries and states, a product's sessions of a day add up to fct_session_products in every count. Of the days
-- of sessions that the run changed.
{{ config(meta={'model': 'fct_product_funnel_daily'}) }}

with days_to_check as (
    {{ days_to_check() }}
),

funnel_daily as (
    select * from {{ ref('fct_product_funnel_daily') }}
    where session_date in (select days_to_check.session_date from days_to_check)
),

sessions as (
    select
        session_id,
        cast(started_at as date) as session_date
    from {{ ref('fct_sessions') }}
    where cast(started_at as date) in (select days_to_check.session_date from days_to_check)
),

session_products as (
    select * from {{ ref('fct_session_products') }}
),

daily as (
    select
        session_date,
        product_id,
        sum(sessions) as sessions,
        {% for step in steps() -%}
        sum({{ step }}) as {{ step }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from funnel_daily
    group by session_date, product_id
),

counted as (
    select
        sessions.session_date,
        session_products.product_id,
        count(*) as sessions,
        {% for step in steps() -%}
        count(session_products.{{ step }}_at) as {{ step }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from session_products
    inner join sessions on session_products.session_id = sessions.session_id
    group by sessions.session_date, session_products.product_id
),

final as (
    select
        coalesce(daily.session_date, counted.session_date) as session_date,
        coalesce(daily.product_id, counted.product_id) as product_id,
        daily.sessions as daily_sessions,
        counted.sessions as counted_sessions
    from daily
    full outer join counted
        on daily.session_date = counted.session_date and daily.product_id = counted.product_id
    where
        daily.sessions is distinct from counted.sessions
        {%- for step in steps() %}
        or daily.{{ step }} is distinct from counted.{{ step }}
        {%- endfor %}
)

select * from final
