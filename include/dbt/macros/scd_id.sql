{#- The id of a version: md5 of its key and of the moment it starts, written the same way on every warehouse. -#}
{% macro scd_id(key, valid_from) -%}
    {{ return(adapter.dispatch('scd_id')(key, valid_from)) }}
{%- endmacro %}

{% macro default__scd_id(key, valid_from) -%}
    md5({{ key }} || '|' || strftime({{ valid_from }}, '%Y-%m-%d %H:%M:%S'))
{%- endmacro %}

{% macro snowflake__scd_id(key, valid_from) -%}
    md5({{ key }} || '|' || to_char({{ valid_from }}, 'YYYY-MM-DD HH24:MI:SS'))
{%- endmacro %}
