{{ config(pre_hook="{{ delete_changed_funnel_keys() }}", post_hook="{{ clear_funnel_keys() }}") }}

with sessions as (
    select * from {{ ref('fct_sessions') }}
    where {{ place_to_build() }}
),

session_products as (
    select * from {{ ref('fct_session_products') }}
),

whole_sessions as (
    select
        cast(started_at as date) as session_date,
        'all' as product_id,
        country,
        state,
        {% for step in steps() -%}
        {{ step }}_at{% if not loop.last %},{% endif %}
        {% endfor %}
    from sessions
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

all_sessions as (
    select * from whole_sessions
    union all
    select * from product_sessions
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
    from all_sessions
    group by session_date, product_id, country, state
)

select * from final
