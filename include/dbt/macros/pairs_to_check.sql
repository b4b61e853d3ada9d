{#- The pairs of extracts that the tests compare with the source again: those of the extract that the run adds, and the
    newest. The others were compared when they were added; so a run's tests cost as much as its extract, not more. -#}
{% macro pairs_to_check() -%}
    select
        as_of,
        extract_id,
        previous_as_of,
        previous_extract_id
    from {{ ref('int_extract_pairs') }}
    where
        as_of = (select max(newest.as_of) from {{ ref('int_extract_pairs') }} as newest)
        or extract_id in (select build_lock.extract_id from {{ source('landing', 'build_lock') }} as build_lock)
        or previous_extract_id in (select build_lock.extract_id from {{ source('landing', 'build_lock') }} as build_lock)
{%- endmacro %}
