{#- The incremental strategy `replace_touched`. A log loses the pairs that are neither in the build nor touched; another
    model loses its changed keys. Then the new rows come. A model names its key, and in `meta` the relation in which its
    changed keys are found. -#}
{% macro get_incremental_replace_touched_sql(arg_dict) -%}
    {%- set key, meta = config.get('unique_key'), config.get('meta', {}) -%}
    delete from {{ arg_dict['target_relation'] }}
    where
    {%- if key and meta.changed_in %}
        {{ key }} in ({{ changed_keys(key, ref(meta.changed_in)) }})
    {%- elif 'versions' in model.fqn %}
        pair_id not in ({{ current_pairs() }}) and pair_id not in ({{ touched_pairs() }})
    {%- else %}
        {%- do exceptions.raise_compiler_error(
            model.name ~ " is built by key: its config needs unique_key and meta={'changed_in': <a relation>}. "
            ~ "Or make it a plain table: materialized='table'."
        ) -%}
    {%- endif %};
    {{ get_insert_into_sql(arg_dict['target_relation'], arg_dict['temp_relation'], arg_dict['dest_columns']) }}
{%- endmacro %}
