{#- Logs are kept by pair of neighbouring extracts. The rows of a pair follow from its two extracts, so they are never
    wrong. The rows of a key in other models follow from the key's rows in the pairs of the build. So only keys with
    rows in touched pairs, which came or left since all models were last built and tested, can differ. They are deleted
    and inserted again. Doing this twice changes nothing, so the next run repairs a run that broke off. -#}

{% macro current_pairs() -%}
    select extract_pairs.pair_id from {{ ref('int_extract_pairs') }} as extract_pairs
{%- endmacro %}

{% macro touched_pairs() -%}
    select touched_pairs.pair_id from {{ source('landing', 'touched_pairs') }} as touched_pairs
{%- endmacro %}

{#- The rows of a log that are part of the build; more conditions may follow. -#}
{% macro current_rows(log) -%}
    select * from {{ log }}
    where pair_id in ({{ current_pairs() }})
{%- endmacro %}

{#- The keys whose rows may differ from before. found_in: a log, whose rows of touched pairs name them; or a relation
    that lists only such keys, whose name begins with int_changed. -#}
{% macro changed_keys(key, found_in) -%}
    select changed.{{ key }} from {{ found_in }} as changed
    {%- if 'int_changed' not in found_in.identifier %}
    where changed.pair_id in ({{ touched_pairs() }})
    {%- endif -%}
{%- endmacro %}

{#- A condition: only keys that have to be built again; all of them where the model is built from the start. When dbt
    parses the project, it has to see what either reads. -#}
{% macro is_changed(key, found_in) -%}
    {%- if is_incremental() or not execute -%}
    {{ key }} in ({{ changed_keys(key, found_in) }})
    {%- else -%}
    true
    {%- endif -%}
{%- endmacro %}

{#- The pairs that a log has to add. Those that it holds stay: were they deleted first and the run broken off, nothing
    would name the keys that were built from them. -#}
{% macro new_pairs() -%}
    {%- if not is_incremental() -%}
    {%- do require_full_refresh() -%}
    {%- endif -%}
    select
        as_of,
        extract_id,
        previous_as_of,
        previous_extract_id,
        pair_id
    from {{ ref('int_extract_pairs') }}
    {%- if is_incremental() or not execute %}
    where
        pair_id in ({{ touched_pairs() }})
        and pair_id not in (select logged.pair_id from {{ this }} as logged)
    {%- endif %}
{%- endmacro %}

{#- A log that is built from the start holds the pairs of the build alone. Other models find no longer which keys pairs
    had that left the build: they have to be built from the start too. -#}
{% macro require_full_refresh() -%}
    {%- if execute and model.resource_type == 'model' -%}
    {%- set left_the_build -%}
        select touched_pairs.pair_id
        from {{ source('landing', 'touched_pairs') }} as touched_pairs
        cross join {{ source('landing', 'built_with') }} as built_with
        where
            built_with.extracts is not null
            and touched_pairs.pair_id not in (select build.pair_id from {{ source('landing', 'build') }} as build)
    {%- endset -%}
    {%- if run_query(left_the_build).rows -%}
    {%- do exceptions.raise_compiler_error(
        this.identifier ~ ' can not be built from the start by itself: extracts left the build that other models still '
        ~ 'show. Run a week with {"full_refresh": true}.'
    ) -%}
    {%- endif -%}
    {%- endif -%}
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
