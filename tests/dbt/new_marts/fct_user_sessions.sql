{{ config(materialized='table') }}

with sessions as (
    select * from {{ ref('fct_sessions') }}
),

final as (
    select
        user_id,
        count(*) as sessions,
        min(started_at) as first_started_at
    from sessions
    where user_id is not null
    group by user_id
)

select * from final
