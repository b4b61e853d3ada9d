{#- A condition: only the sessions that are built again; all of them where the model is built from the start. -#}
{% macro session_to_build() -%}
    {%- set changed_sessions = ref('int_changed_sessions') -%}
    {%- if is_incremental() -%}
    session_id in (select changed_sessions.session_id from {{ changed_sessions }} as changed_sessions)
    {%- else -%}
    true
    {%- endif -%}
{%- endmacro %}
