{#- The pairs of extracts that the tests compare with the source again: those that touch the week of the run, and the
    newest. The others were compared when they were added; so a run's tests cost as much as its extract, not more. All
    are compared where the run's lock says so, or nobody holds it. -#}
{% macro pairs_to_check() -%}
    select
        pairs_to_check.as_of,
        pairs_to_check.extract_id,
        pairs_to_check.previous_as_of,
        pairs_to_check.previous_extract_id,
        pairs_to_check.pair_id
    from {{ ref('int_extract_pairs') }} as pairs_to_check
    left join {{ source('landing', 'build_lock') }} as build_lock on true
    where
        pairs_to_check.as_of = (select max(newest.as_of) from {{ ref('int_extract_pairs') }} as newest)
        or coalesce(build_lock.tests_all, true)
        or (
            pairs_to_check.as_of >= build_lock.as_of
            and coalesce(pairs_to_check.previous_as_of <= build_lock.as_of, true)
        )
{%- endmacro %}

{#- The keys of a log that those pairs have rows of. -#}
{% macro keys_to_check(log, key) -%}
    select logged.{{ key }} from {{ log }} as logged
    where logged.pair_id in (select pairs.pair_id from ({{ pairs_to_check() }}) as pairs)
{%- endmacro %}

{#- The sessions that the run built again, whatever the reason, and those of the pairs to check. -#}
{% macro sessions_to_check() -%}
    select changed_sessions.session_id from {{ ref('int_changed_sessions') }} as changed_sessions
    union
    {{ keys_to_check(ref('int_event_appearances'), 'session_id') }}
{%- endmacro %}

{#- The days on which those sessions start. -#}
{% macro days_to_check() -%}
    select cast(started_at as date) as session_date from {{ ref('fct_sessions') }}
    where session_id in ({{ sessions_to_check() }})
{%- endmacro %}

{#- The end of a test: the rows that one of two CTEs has and the other has not, with the columns that name a row.
    expected, found: names of the CTEs, which have the same columns. -#}
{% macro differences(expected, found, columns) -%}
lost as (
    select * from {{ expected }}
    except
    select * from {{ found }}
),

invented as (
    select * from {{ found }}
    except
    select * from {{ expected }}
),

final as (
    select
        'lost' as problem,
        {{ columns | join(', ') }}
    from lost
    union all
    select
        'invented' as problem,
        {{ columns | join(', ') }}
    from invented
)

select * from final
{%- endmacro %}
