-- What was landed against what the models make of it: one row a measure, both numbers equal.
with extract as (
    select * from intermediate.int_extract_pairs
    where as_of = $as_of
),

landed_events as (
    select events.*
    from extract
    inner join landing.events as events on extract.extract_id = events.extract_id
    where events.created_at < $as_of and events.session_id is not null
),

landed_orders as (
    select orders.order_id
    from extract
    inner join landing.orders as orders on extract.extract_id = orders.extract_id
),

known_steps as (
    select * from intermediate.int_session_steps
    where known_as_of <= $as_of and first_at < $as_of
),

known_before as (
    select event_id from intermediate.int_event_appearances
    where as_of < $as_of and pair_id in (select pairs.pair_id from intermediate.int_extract_pairs as pairs)
),

week_sessions as (
    select * from marts.fct_sessions
    where started_at >= $as_of - interval '7 days' and started_at < $as_of
),

week_daily as (
    select * from marts.fct_funnel_daily
    where session_date >= $as_of - interval '7 days' and session_date < $as_of
),

first_seen_events as (
    select * from landed_events
    where event_id not in (select known_before.event_id from known_before)
),

measures as (
    select
        'sessions of the events first seen in the extract' as measure,
        (select count(distinct session_id) from first_seen_events) as landed,
        (select count(distinct session_id) from known_steps where known_as_of = $as_of) as modelled

    union all

    select
        'events first seen in the extract',
        (select count(*) from first_seen_events),
        (select cast(coalesce(sum(events), 0) as bigint) from known_steps where known_as_of = $as_of)

    union all

    select
        'orders of the extract that the snapshot shows',
        (select count(*) from landed_orders),
        (
            select count(*) from marts.orders_snapshot
            where dbt_valid_from <= $as_of and (dbt_valid_to is null or dbt_valid_to > $as_of)
        )

    union all

    select
        'sessions of the week, in fct_funnel_daily',
        (select count(*) from week_sessions),
        (select cast(coalesce(sum(sessions), 0) as bigint) from week_daily where product_id = 'all')

    union all

    select
        'page_view of the week, in fct_funnel_daily',
        (select count(page_view_at) from week_sessions),
        (select cast(coalesce(sum(page_view), 0) as bigint) from week_daily where product_id = 'all')

    union all

    select
        'add_to_cart of the week, in fct_funnel_daily',
        (select count(add_to_cart_at) from week_sessions),
        (select cast(coalesce(sum(add_to_cart), 0) as bigint) from week_daily where product_id = 'all')

    union all

    select
        'checkout of the week, in fct_funnel_daily',
        (select count(checkout_at) from week_sessions),
        (select cast(coalesce(sum(checkout), 0) as bigint) from week_daily where product_id = 'all')

    union all

    select
        'package_shipped of the week, in fct_funnel_daily',
        (select count(package_shipped_at) from week_sessions),
        (select cast(coalesce(sum(package_shipped), 0) as bigint) from week_daily where product_id = 'all')
)

select * from measures
