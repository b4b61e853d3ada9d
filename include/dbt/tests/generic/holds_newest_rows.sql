{#- The rows of the newest extract are in the dim as it shows them. -#}
{% test holds_newest_rows(model, landed, columns) %}
with newest_rows as (
    select landed.*
    from {{ ref('int_extract_pairs') }} as extract_pairs
    inner join {{ landed }} as landed on extract_pairs.extract_id = landed.extract_id
    where extract_pairs.as_of = (select max(newest.as_of) from {{ ref('int_extract_pairs') }} as newest)
)

select {{ columns | join(', ') }}
from newest_rows
except
select {{ columns | join(', ') }}
from {{ model }}
{% endtest %}
