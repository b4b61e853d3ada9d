with digits as (
    {% for digit in range(10) -%}
    select {{ digit }} as digit{% if not loop.last %}
    union all
    {% endif %}
    {%- endfor %}
),

final as (
    select
        cast(
            date '2015-01-01'
            + cast(ones.digit + 10 * tens.digit + 100 * hundreds.digit + 1000 * thousands.digit as integer) as date
        ) as date_day
    from digits as ones
    cross join digits as tens
    cross join digits as hundreds
    cross join digits as thousands
)

select * from final
