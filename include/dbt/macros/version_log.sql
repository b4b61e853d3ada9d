{#- The log of one table: a row for each key that appeared, changed or vanished between an extract and its
    predecessor. A vanished row shows the content that was last there. -#}
{% macro version_log(relation, key, columns) -%}
with pairs as (
    {{ new_pairs() }}
),

sides as (
    {{ sides_of_pairs('pairs') }}
),

both_rows as (
    select
        sides.pair_id,
        sides.is_current,
        source_rows.*
    from sides
    inner join {{ relation }} as source_rows on sides.extract_id = source_rows.extract_id
),

current_rows as (
    select * from both_rows
    where is_current
),

previous_rows as (
    select * from both_rows
    where not is_current
),

compared as (
    select
        coalesce(current_rows.pair_id, previous_rows.pair_id) as pair_id,
        case
            when previous_rows.{{ key }} is null then 'appeared'
            when current_rows.{{ key }} is null then 'vanished'
            {%- for column in columns %}
            when (current_rows.{{ column }} is distinct from previous_rows.{{ column }}) then 'changed'
            {%- endfor %}
        end as kind,
        coalesce(current_rows.{{ key }}, previous_rows.{{ key }}) as {{ key }}
        {%- for column in columns %},
        case
            when current_rows.{{ key }} is null then previous_rows.{{ column }}
            else current_rows.{{ column }}
        end as {{ column }}
        {%- endfor %}
    from current_rows
    full outer join previous_rows
        on
            current_rows.pair_id = previous_rows.pair_id
            and current_rows.{{ key }} = previous_rows.{{ key }}
),

final as (
    select
        compared.{{ key }},
        pairs.as_of,
        pairs.previous_as_of,
        compared.kind
        {%- for column in columns %},
        compared.{{ column }}
        {%- endfor %},
        compared.pair_id
    from compared
    inner join pairs on compared.pair_id = pairs.pair_id
    where compared.kind is not null
)

select * from final
{%- endmacro %}
