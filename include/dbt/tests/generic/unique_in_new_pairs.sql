{#- The columns together are a key of a log within each pair to check, as no other has new rows. -#}
{% test unique_in_new_pairs(model, columns) %}
select
    pair_id,
    {{ columns | join(', ') }},
    count(*) as row_count
from {{ model }}
where pair_id in (select pairs.pair_id from ({{ pairs_to_check() }}) as pairs)
group by pair_id, {{ columns | join(', ') }}
having count(*) > 1
{% endtest %}
