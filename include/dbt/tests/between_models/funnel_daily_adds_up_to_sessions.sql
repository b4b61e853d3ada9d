-- Over countries and states, the sessions of a day add up to fct_sessions in every count. Of the days of sessions
-- that the run changed.
{{ config(meta={'model': 'fct_funnel_daily'}) }}

with days_to_check as (
    {{ days_to_check() }}
),

funnel_daily as (
    select * from {{ ref('fct_funnel_daily') }}
    where session_date in (select days_to_check.session_date from days_to_check)
),

sessions as (
    select * from {{ ref('fct_sessions') }}
    where cast(started_at as date) in (select days_to_check.session_date from days_to_check)
),

daily as (
    select
        session_date,
        sum(sessions) as sessions,
        {% for step in steps() -%}
        sum({{ step }}) as {{ step }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from funnel_daily
    group by session_date
),

counted as (
    select
        cast(started_at as date) as session_date,
        count(*) as sessions,
        {% for step in steps() -%}
        count({{ step }}_at) as {{ step }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from sessions
    group by cast(started_at as date)
),

final as (
    select
        coalesce(daily.session_date, counted.session_date) as session_date,
        daily.sessions as daily_sessions,
        counted.sessions as counted_sessions
    from daily
    full outer join counted on daily.session_date = counted.session_date
    where
        daily.sessions is distinct from counted.sessions
        {%- for step in steps() %}
        or daily.{{ step }} is distinct from counted.{{ step }}
        {%- endfor %}
)

select * from final
