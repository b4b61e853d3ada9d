{{ config(unique_key='order_id', meta={'changed_in': 'int_order_versions'}) }}

with order_versions as (
    {{ current_rows(ref('int_order_versions')) }}
        and {{ is_changed('order_id', ref('int_order_versions')) }}
),

with_previous as (
    select
        *,
        {% for column in order_columns() -%}
        lag({{ column }}) over (partition by order_id order by as_of) as previous_{{ column }},
        {% endfor -%}
        lag(kind) over (partition by order_id order by as_of) as previous_kind
    from order_versions
),

with_names as (
    select
        *,
        concat(
            {% for column in order_columns() -%}
            case when {{ column }} is distinct from previous_{{ column }} then ', {{ column }}' else '' end,
            {% endfor -%}
            ''
        ) as names_that_differ
    from with_previous
),

-- The first extract of all is the baseline: it shows orders, not changes.
final as (
    select
        as_of,
        previous_as_of,
        order_id,
        case
            when kind = 'vanished' then 'removed'
            when kind = 'appeared' and previous_kind is null then 'new'
            when kind = 'appeared' then 'returned'
            when (status is distinct from previous_status) then 'status_changed'
            else 'details_changed'
        end as change,
        case when kind <> 'appeared' then previous_status end as status_from,
        case when kind <> 'vanished' then status end as status_to,
        case when kind = 'changed' then substr(names_that_differ, 3) end as changed_columns
    from with_names
    where previous_as_of is not null
)

select * from final
