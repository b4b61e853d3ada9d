{#- The steps of the product funnel, in their order. -#}
{% macro steps() %}
    {{ return(['page_view', 'add_to_cart', 'checkout', 'package_shipped']) }}
{% endmacro %}

{#- When a session starts, in rows of int_session_steps: at its earliest event. A backdated event does not date a session
    that has any other event. -#}
{% macro session_start() -%}
    coalesce(
            min(case when backdated_at is null then first_at end) over (partition by session_id),
            min(first_at) over (partition by session_id)
        ) as started_at
{%- endmacro %}

{#- The first time of each step, in rows that have the start of their session. A time before the session's start counts
    only if the step has no other. -#}
{% macro step_times() -%}
    {%- for step in steps() -%}
    coalesce(
            min(case when event_type = '{{ step }}' and first_at >= started_at then first_at end),
            min(case when event_type = '{{ step }}' then first_at end)
        ) as {{ step }}_at{% if not loop.last %},
        {% endif %}
    {%- endfor -%}
{%- endmacro %}

{#- The user of each session, in rows that have the start of their session: the user of the earliest event that has one.
    An event before the session's start counts only if no other event has a user. -#}
{% macro session_users(rows) -%}
    select
        session_id,
        user_id
    from {{ rows }}
    where user_id is not null
    qualify row_number() over (
            partition by session_id
            order by case when first_at < started_at then 1 else 0 end, first_at, user_id
        ) = 1
{%- endmacro %}

{#- The steps of each product that sessions met, from rows that have the start of their session: the products that they
    looked at or put into the cart, and those of their orders. -#}
{% macro product_steps(steps, order_items) -%}
    select
        session_id,
        product_id,
        event_type,
        first_at,
        started_at
    from {{ steps }}
    where event_type in ('page_view', 'add_to_cart') and product_id is not null
    union all
    select
        {{ steps }}.session_id,
        {{ order_items }}.product_id,
        {{ steps }}.event_type,
        {{ steps }}.first_at,
        {{ steps }}.started_at
    from {{ steps }}
    inner join {{ order_items }} on {{ steps }}.order_id = {{ order_items }}.order_id
    where {{ steps }}.event_type in ('checkout', 'package_shipped')
{%- endmacro %}
