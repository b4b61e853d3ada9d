-- The cells of fct_funnel_daily for the week that ends at $as_of, as known then, with the number of times that each
-- cell is there. Cells that exist only because of later extracts are left out unless they are there twice, so that a
-- week is judged alike on the day and later.
with mart_cells as (
    select
        session_date,
        country,
        state,
        count(*) over (partition by session_date, country, state) as copies
    from marts.fct_funnel_daily
    where session_date < cast($as_of as date) and session_date >= cast($as_of as date) - 7
),

known_cells as (
    select * from quality_funnel_cells
    where product_id is null
)

select
    coalesce(known_cells.session_date, mart_cells.session_date) as session_date,
    coalesce(known_cells.country, mart_cells.country) as country,
    coalesce(known_cells.state, mart_cells.state) as state
from known_cells
full outer join mart_cells
    on
        known_cells.session_date = mart_cells.session_date
        and known_cells.country = mart_cells.country
        and known_cells.state = mart_cells.state
where known_cells.session_date is not null or mart_cells.copies > 1
