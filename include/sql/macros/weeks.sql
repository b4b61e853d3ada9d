{#- In which week before the one that ends at $as_of a time lies: 0 is that week. The instant of a week's end belongs to
    the week after it. -#}
{% macro weeks_ago(moment) -%}
    {{ weeks_to_end(moment) }} - 1
{%- endmacro %}

{#- How many weeks it is from a time to $as_of, the week that has begun included. -#}
{% macro weeks_to_end(moment) -%}
    cast(ceil(cast(datediff('microsecond', {{ moment }}, $as_of) as double) / 604800000000) as integer)
{%- endmacro %}

{#- The sessions of the week that ends at $as_of and of the eight weeks before it. -#}
{% macro of_nine_weeks(sessions) -%}
    select
        *,
        {{ weeks_ago('started_at') }} as weeks_ago
    from {{ sessions }}
    where started_at >= $as_of - interval '63 days'
{%- endmacro %}
