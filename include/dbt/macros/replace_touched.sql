{#- The incremental strategy `replace_touched`. A log loses the pairs that are neither in the build nor touched; another
    model loses its changed keys. Then the new rows come. A model names its key, and in `meta` the relation in which its
    changed keys are found. -#}
{% macro get_incremental_replace_touched_sql(arg_dict) -%}
    {{- return(adapter.dispatch('in_one_transaction')(replace_touched(arg_dict))) -}}
{%- endmacro %}

{#- Deleting and inserting is one transaction. On DuckDB dbt has begun it. On Snowflake each statement commits by itself, and a
    statement whose client was killed goes on: without a transaction it could insert rows that the next try has inserted. -#}
{% macro default__in_one_transaction(statements) -%}
    {{- return(statements) -}}
{%- endmacro %}

{% macro snowflake__in_one_transaction(statements) -%}
    {{- return(snowflake_dml_explicit_transaction(statements)) -}}
{%- endmacro %}

{% macro replace_touched(arg_dict) -%}
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
