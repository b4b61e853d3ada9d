-- The times of the newest event and the newest order of the extract as of $as_of, without those dated ahead. Also the
-- number of sessions or orders in the weeks before, as far back as there are any.
with sessions as (
    {{ of_nine_weeks(sessions) }}
),

usual as (
    select
        'events' as kind,
        count(case when weeks_ago > 0 then 1 end) as rows_before,
        max(weeks_ago) as weeks_before
    from sessions
    union all
    select
        'orders' as kind,
        count(case when weeks_ago > 0 then 1 end) as rows_before,
        max(weeks_ago) as weeks_before
    from (
        select {{ weeks_ago('created_at') }} as weeks_ago
        from quality_orders
        where created_at < $as_of
    ) as aged
    where weeks_ago between 0 and 8
),

newest as (
    select
        'events' as kind,
        max(case when events.created_at < $as_of then events.created_at end) as newest_at
    from quality_week
    inner join landing.events as events on quality_week.extract_id = events.extract_id
    union all
    select
        'orders' as kind,
        max(case when created_at < $as_of then created_at end) as newest_at
    from quality_orders
)

select
    newest.kind,
    newest.newest_at,
    usual.rows_before,
    usual.weeks_before
from newest
inner join usual on newest.kind = usual.kind
