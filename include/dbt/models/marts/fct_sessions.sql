{{ config(unique_key='session_id', meta={'changed_in': 'int_changed_sessions'}) }}

with session_steps as (
    select * from {{ ref('int_session_steps') }}
),

extract_pairs as (
    select * from {{ ref('int_extract_pairs') }}
),

users as (
    select * from {{ ref('dim_users') }}
),

addresses as (
    select * from {{ ref('dim_addresses') }}
),

known_steps as (
    select * from session_steps
    where first_at < (select max(extract_pairs.as_of) from extract_pairs)
        and {{ is_changed('session_id', ref('int_changed_sessions')) }}
),

dated_steps as (
    select
        *,
        {{ session_start() }}
    from known_steps
),

sessions as (
    select
        session_id,
        started_at,
        max(last_at) as ended_at,
        {{ step_times() }}
    from dated_steps
    group by session_id, started_at
),

session_users as (
    {{ session_users('dated_steps') }}
),

final as (
    select
        sessions.session_id,
        session_users.user_id,
        coalesce(addresses.country, 'unknown') as country,
        coalesce(addresses.state, 'unknown') as state,
        sessions.started_at,
        sessions.ended_at,
        {% for step in steps() -%}
        sessions.{{ step }}_at{% if not loop.last %},{% endif %}
        {% endfor %}
    from sessions
    left join session_users on sessions.session_id = session_users.session_id
    left join users on session_users.user_id = users.user_id
    left join addresses on users.address_id = addresses.address_id
)

select * from final
