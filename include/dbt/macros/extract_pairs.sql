{#- What a model shows of a key follows from the key's rows in the pairs of neighbouring extracts that the build is made
    of. So only keys with rows in pairs that came or went since all models were last built, the touched ones, can differ:
    they are deleted and built again. A step that is done twice, or was broken off, changes nothing: the pairs stay touched
    until all models are built and tested (greenery.ledger), and so do the logs' rows of them, though they left the build:
    they say which keys to build again. -#}

{% macro current_pairs() -%}
    select extract_pairs.pair_id from {{ ref('int_extract_pairs') }} as extract_pairs
{%- endmacro %}

{% macro touched_pairs() -%}
    select touched_pairs.pair_id from {{ source('landing', 'touched_pairs') }} as touched_pairs
{%- endmacro %}

{#- The keys of a log that may show something else than before. -#}
{% macro touched_keys(log, key) -%}
    select touched.{{ key }} from {{ log }} as touched where touched.pair_id in ({{ touched_pairs() }})
{%- endmacro %}

{#- The rows of a log that are part of the build, and satisfy the condition. -#}
{% macro current_rows(log, condition='true') -%}
    select * from {{ log }}
    where pair_id in ({{ current_pairs() }}) and {{ condition }}
{%- endmacro %}

{#- Those of them that this model has to be built from: of the touched keys, all rows. -#}
{% macro rows_to_build(log, key) -%}
    {{ current_rows(log, key ~ ' in (' ~ touched_keys(log, key) ~ ')' if is_incremental() else 'true') }}
{%- endmacro %}

{#- The pairs that a log has to add. Those it holds stay: their rows follow from two extracts whose ids name their
    content. Were they deleted first, and the run broken off, nothing would say which keys were built from them. -#}
{% macro new_pairs() -%}
    select
        as_of,
        extract_id,
        previous_as_of,
        previous_extract_id,
        pair_id
    from {{ ref('int_extract_pairs') }}
    {%- if is_incremental() %}
    where pair_id in ({{ touched_pairs() }})
        and pair_id not in (select logged.pair_id from {{ this }} as logged)
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
