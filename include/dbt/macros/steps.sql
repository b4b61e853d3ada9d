{#- The steps of the product funnel, in their order. -#}
{% macro steps() %}
    {{ return(['page_view', 'add_to_cart', 'checkout', 'package_shipped']) }}
{% endmacro %}

{#- Rows of int_session_steps with the start of their session: its earliest event. A backdated event does not date a
    session that has any other event. -#}
{% macro with_session_start(known_steps) -%}
    select
        *,
        coalesce(
            min(case when backdated_at is null then first_at end) over (partition by session_id),
            min(first_at) over (partition by session_id)
        ) as started_at
    from {{ known_steps }}
{%- endmacro %}

{#- The first time of a step. A time before the session's start counts only if the step has no other. -#}
{% macro first_time(step) -%}
    coalesce(
            min(case when event_type = '{{ step }}' and first_at >= started_at then first_at end),
            min(case when event_type = '{{ step }}' then first_at end)
        ) as {{ step }}_at
{%- endmacro %}
