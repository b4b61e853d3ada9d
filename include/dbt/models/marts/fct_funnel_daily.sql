{{ config(materialized='table') }}

with sessions as (
    select * from {{ ref('fct_sessions') }}
),

final as (
    select
        cast(started_at as date) as session_date,
        country,
        state,
        count(*) as sessions,
        {% for step in steps() -%}
        count({{ step }}_at) as {{ step }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from sessions
    group by cast(started_at as date), country, state
)

select * from final
