{#- The state of the source is that of its as_of, not that of the moment dbt runs. -#}
{% macro snapshot_get_time() -%}
    timestamp '{{ env_var('SNAPSHOT_AS_OF') }}'
{%- endmacro %}
