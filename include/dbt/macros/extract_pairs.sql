{#- Logs are kept by pair of neighbouring extracts. The rows of a pair follow from two extracts whose ids name their
    content, so they are never wrong, only of use or not: a log is a cache, and who reads it chooses the pairs of the
    build. The ledger landing.built_pairs says which pairs a log holds, and from which pairs every other model that is
    built by key was built last. dbt sends hooks and model as one transaction, so a model and what it remembers are
    never apart. -#}

{% macro current_pairs() -%}
    select extract_pairs.pair_id from {{ ref('int_extract_pairs') }} as extract_pairs
{%- endmacro %}

{% macro pairs_of(model_name) -%}
    select built_pairs.pair_id
    from {{ source('landing', 'built_pairs') }} as built_pairs
    where built_pairs.model_name = '{{ model_name }}'
{%- endmacro %}

{% macro names_text(names) -%}
    {%- for name in names %}'{{ name }}'{% if not loop.last %}, {% endif %}{% endfor -%}
{%- endmacro %}

{#- What this model reads that remembers its pairs, the logs or the others: only logs hold more pairs than the build. -#}
{% macro inputs(are_logs) -%}
    {%- set names = [] -%}
    {%- for id in model.depends_on.nodes if execute and id in graph.nodes -%}
        {%- set input = graph.nodes[id] -%}
        {%- if 'remembers_pairs' in input.tags and ('versions' in input.fqn) == are_logs -%}
            {%- do names.append(input.name) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(names) }}
{%- endmacro %}

{% macro log_names() -%}
    {%- set names = [] -%}
    {%- for node in graph.nodes.values() if execute and 'remembers_pairs' in node.tags and 'versions' in node.fqn -%}
        {%- do names.append(node.name) -%}
    {%- endfor -%}
    {{ return(names | sort) }}
{%- endmacro %}


{#- Logs ----------------------------------------------------------------------------------------------------------- -#}

{#- The pairs of neighbouring extracts that this log does not hold yet. -#}
{% macro new_pairs() -%}
    select
        as_of,
        extract_id,
        previous_as_of,
        previous_extract_id,
        pair_id
    from {{ ref('int_extract_pairs') }}
    {%- if is_incremental() %}
    where pair_id not in ({{ pairs_of(this.name) }})
    {%- endif %}
{%- endmacro %}

{#- Both extracts of these pairs, for a log to read its table once: staging is written into a model as a CTE, and one
    that is read twice is worked out whole, all extracts of it. -#}
{% macro sides_of_pairs(pairs) -%}
    select
        pair_id,
        as_of,
        extract_id,
        true as is_current
    from {{ pairs }}
    union all
    select
        pair_id,
        as_of,
        previous_extract_id as extract_id,
        false as is_current
    from {{ pairs }}
{%- endmacro %}

{#- Pairs that this log holds for nobody: out of the build, and no model that is no log was built from them last. One
    that was still has to find in them what changed since. -#}
{% macro useless_pairs() -%}
    {{ pairs_of(this.name) }}
    and built_pairs.pair_id not in ({{ current_pairs() }})
    and built_pairs.pair_id not in (
        select in_use.pair_id
        from {{ source('landing', 'built_pairs') }} as in_use
        where in_use.model_name not in ({{ names_text(log_names()) }})
    )
{%- endmacro %}

{% macro delete_useless_rows() -%}
    {%- if is_incremental() -%}
    delete from {{ this }} where pair_id in ({{ useless_pairs() }})
    {%- endif -%}
{%- endmacro %}

{% macro forget_useless_pairs() -%}
    delete from {{ source('landing', 'built_pairs') }}
    where model_name = '{{ this.name }}'
    {%- if is_incremental() %}
    and pair_id in ({{ useless_pairs() }})
    {%- endif %}
{%- endmacro %}

{% macro remember_pairs() -%}
    insert into {{ source('landing', 'built_pairs') }} (model_name, pair_id)
    select
        '{{ this.name }}' as model_name,
        extract_pairs.pair_id
    from {{ ref('int_extract_pairs') }} as extract_pairs
    where extract_pairs.pair_id not in ({{ pairs_of(this.name) }})
{%- endmacro %}


{#- Readers of logs ------------------------------------------------------------------------------------------------ -#}

{#- The pairs in which the build differs from what any of the models was built from last; with --full-refresh all. -#}
{% macro changed_pairs(model_names) -%}
    select built_pairs.pair_id
    from {{ source('landing', 'built_pairs') }} as built_pairs
    where built_pairs.model_name in ({{ names_text(model_names) }})
        and built_pairs.pair_id not in ({{ current_pairs() }})
    union
    select extract_pairs.pair_id
    from {{ ref('int_extract_pairs') }} as extract_pairs
    {%- if not flags.FULL_REFRESH %}
    where extract_pairs.pair_id not in (
        select built_pairs.pair_id
        from {{ source('landing', 'built_pairs') }} as built_pairs
        where built_pairs.model_name in ({{ names_text(model_names) }})
        group by built_pairs.pair_id
        having count(*) = {{ model_names | length }}
    )
    {%- endif %}
{%- endmacro %}

{#- The keys of a log whose rows in the build may differ from those that this model was built from. -#}
{% macro changed_keys(log, key) -%}
    select changed.{{ key }} from {{ log }} as changed where changed.pair_id in ({{ changed_pairs([this.name]) }})
{%- endmacro %}

{#- The rows of a log that are part of the build, and satisfy the condition. -#}
{% macro current_rows(log, condition='true') -%}
    select * from {{ log }}
    where pair_id in ({{ current_pairs() }}) and {{ condition }}
{%- endmacro %}

{#- Those of them that this model has to be built from: of the changed keys, all rows. -#}
{% macro rows_to_build(log, key) -%}
    {{ current_rows(log, key ~ ' in (' ~ changed_keys(log, key) ~ ')' if is_incremental() else 'true') }}
{%- endmacro %}

{#- What this model reads must have been built from the same extracts: it would remember what it has not seen. -#}
{% macro require_inputs() -%}
    {%- set logs, others = inputs(are_logs=true), inputs(are_logs=false) -%}
    {%- if logs or others -%}
    select
        case
            when count(*) > 0
                then error(concat(
                    'not built from the extracts of this run: ', string_agg(distinct behind.model_name, ', '),
                    '. Build them first (clear their tasks).'
                ))
        end as problem
    from (
        {%- for name in logs + others %}
        select '{{ name }}' as model_name
        from {{ ref('int_extract_pairs') }}
        where pair_id not in ({{ pairs_of(name) }})
        union all
        {%- endfor %}
        select model_name
        from {{ source('landing', 'built_pairs') }}
        where model_name in ({{ names_text(others or ['']) }}) and pair_id not in ({{ current_pairs() }})
    ) as behind
    {%- endif -%}
{%- endmacro %}

{#- A model that was built from a pair that a log no longer holds can't find what changed: it is built from the start. -#}
{% macro forget_what_logs_lack(model_names) -%}
    {%- set logs = inputs(are_logs=true) -%}
    {%- if logs -%}
    delete from {{ source('landing', 'built_pairs') }}
    where model_name in (
        select lacking.model_name
        from {{ source('landing', 'built_pairs') }} as lacking
        where lacking.model_name in ({{ names_text(model_names) }})
            and (
                {%- for log in logs %}
                lacking.pair_id not in ({{ pairs_of(log) }}){% if not loop.last %} or{% endif %}
                {%- endfor %}
            )
    )
    {%- endif -%}
{%- endmacro %}

{#- Before a model is built by key: if it is built from the start, it has been built from nothing … -#}
{% macro forget_if_built_anew() -%}
    {%- if is_incremental() -%}
    {{ forget_what_logs_lack([this.name]) }}
    {%- else -%}
    delete from {{ source('landing', 'built_pairs') }} where model_name = '{{ this.name }}'
    {%- endif -%}
{%- endmacro %}

{#- … and if it has been built from nothing that is known, none of its rows stays. -#}
{% macro delete_unknown_rows() -%}
    {%- if is_incremental() -%}
    delete from {{ this }} where not exists ({{ pairs_of(this.name) }})
    {%- endif -%}
{%- endmacro %}

{% macro delete_changed_rows(log, key) -%}
    {%- if is_incremental() -%}
    delete from {{ this }} where {{ key }} in ({{ changed_keys(log, key) }})
    {%- endif -%}
{%- endmacro %}

{#- After the build: it was built from the pairs of this build, and from no other. -#}
{% macro forget_other_pairs() -%}
    delete from {{ source('landing', 'built_pairs') }}
    where model_name = '{{ this.name }}' and pair_id not in ({{ current_pairs() }})
{%- endmacro %}
