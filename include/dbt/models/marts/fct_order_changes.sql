with order_versions as (
    select * from {{ ref('int_order_versions') }}
),

with_previous as (
    select
        *,
        lag(kind) over (partition by order_id order by as_of) as previous_kind,
        lag(status) over (partition by order_id order by as_of) as previous_status
        {%- for column in order_columns() %},
        {{ column }} is distinct from lag({{ column }}) over (partition by order_id order by as_of)
            as {{ column }}_differs
        {%- endfor %}
    from order_versions
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
            when status_differs then 'status_changed'
            else 'details_changed'
        end as change,
        case when kind <> 'appeared' then previous_status end as status_from,
        case when kind <> 'vanished' then status end as status_to,
        case
            when kind = 'changed'
                then substr(
                    concat(
                        {%- for column in order_columns() %}
                        case when {{ column }}_differs then ', {{ column }}' else '' end
                        {%- if not loop.last %},{% endif %}
                        {%- endfor %}
                    ),
                    3
                )
        end as changed_columns
    from with_previous
    where previous_as_of is not null
)

select * from final
