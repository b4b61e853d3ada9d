{#- The incremental strategy `replace_touched`: of a log the rows go that nobody needs any more, of another model those
    of the touched keys; then the new ones come. Its config names the key, and in `meta` what says which keys changed. -#}
{% macro get_incremental_replace_touched_sql(arg_dict) -%}
    {%- set key, changed_in = config.get('unique_key'), config.get('meta', {}).get('changed_in') -%}
    delete from {{ arg_dict['target_relation'] }}
    where
    {%- if not key %}
        pair_id not in ({{ current_pairs() }}) and pair_id not in ({{ touched_pairs() }})
    {%- elif changed_in %}
        {{ key }} in ({{ touched_keys(ref(changed_in), key) }})
    {%- else %}
        {{ session_to_build() }}
    {%- endif %};
    {{ get_insert_into_sql(arg_dict['target_relation'], arg_dict['temp_relation'], arg_dict['dest_columns']) }}
{%- endmacro %}
