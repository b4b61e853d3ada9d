{#- The models that int_changed_sessions names sessions for. -#}
{% macro session_models() %}
    {{ return(['int_session_steps', 'fct_sessions', 'fct_session_products', 'fct_funnel_daily']) }}
{% endmacro %}

{#- A condition: only the sessions that are built again; all of them where the model is built from the start. -#}
{% macro session_to_build() -%}
    {%- set changed_sessions = ref('int_changed_sessions') -%}
    {%- if is_incremental() -%}
    session_id in (select changed_sessions.session_id from {{ changed_sessions }} as changed_sessions)
    {%- else -%}
    true
    {%- endif -%}
{%- endmacro %}

{% macro delete_changed_sessions() -%}
    {%- set changed_sessions = ref('int_changed_sessions') -%}
    {%- if is_incremental() -%}
    delete from {{ this }} where {{ session_to_build() }}
    {%- endif -%}
{%- endmacro %}

{#- Where a session that fct_sessions is about to delete counts in fct_funnel_daily. Kept until that model has been
    built, as nothing else says so once the row is gone. -#}
{% macro keep_funnel_keys() -%}
    {%- set funnel_keys = source('landing', 'funnel_keys') -%}
    {%- if is_incremental() -%}
    insert into {{ funnel_keys }} (session_date, country, state)
    select distinct
        cast(started_at as date) as session_date,
        country,
        state
    from {{ this }}
    where {{ session_to_build() }}
    {%- endif -%}
{%- endmacro %}

{#- Where they can't be known, fct_funnel_daily is built from the start. -#}
{% macro forget_funnel() -%}
    delete from {{ source('landing', 'built_pairs') }}
    where model_name = 'fct_funnel_daily'
    {%- if is_incremental() %}
    and not exists ({{ pairs_of(this.name) }})
    {%- endif %}
{%- endmacro %}

{#- The days and places whose counts may differ: where a changed session counted, and where it counts now. -#}
{% macro changed_funnel_keys() -%}
    select
        session_date,
        country,
        state
    from {{ source('landing', 'funnel_keys') }}
    union
    select
        cast(started_at as date) as session_date,
        country,
        state
    from {{ ref('fct_sessions') }}
    where {{ session_to_build() }}
    union
    select
        cast(started_at as date) as session_date,
        country,
        state
    from {{ ref('fct_sessions') }}
    where not exists ({{ pairs_of(this.name) }})
{%- endmacro %}

{#- A condition: only the sessions of those days and places. -#}
{% macro place_to_build() -%}
    {%- if is_incremental() -%}
    (cast(started_at as date), country, state) in ({{ changed_funnel_keys() }})
    {%- else -%}
    true
    {%- endif -%}
{%- endmacro %}

{% macro delete_changed_funnel_keys() -%}
    {%- set sessions, changed_sessions = ref('fct_sessions'), ref('int_changed_sessions') -%}
    {%- if is_incremental() -%}
    delete from {{ this }} where (session_date, country, state) in ({{ changed_funnel_keys() }})
    {%- endif -%}
{%- endmacro %}

{% macro clear_funnel_keys() -%}
    delete from {{ source('landing', 'funnel_keys') }}
{%- endmacro %}
