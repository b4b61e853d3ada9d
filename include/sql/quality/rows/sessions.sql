-- The sessions of the week that ends at $as_of, as known then, and what the marts make of them. Later extracts of the
-- build may add events to a mart and move a step to an earlier time, never the other way.
with week_sessions as (
    select * from quality_sessions
    where weeks_ago = 0
),

newest as (
    select max(as_of) as as_of from intermediate.int_extract_pairs
),

mart_sessions as (
    select
        session_id,
        count(*) as mart_rows,
        min(started_at) as started_at,
        min(page_view_at) as page_view_at,
        min(add_to_cart_at) as add_to_cart_at,
        min(checkout_at) as checkout_at,
        min(package_shipped_at) as package_shipped_at
    from marts.fct_sessions
    where session_id in (select week_sessions.session_id from week_sessions)
    group by session_id
),

product_rows as (
    select * from marts.fct_session_products
    where session_id in (select week_sessions.session_id from week_sessions)
),

mart_products as (
    select
        product_rows.session_id,
        count(*) as product_rows,
        count(distinct product_rows.product_id) as products,
        count(
            case
                when
                    mart_sessions.session_id is null
                    or product_rows.page_view_at < mart_sessions.page_view_at
                    or product_rows.add_to_cart_at < mart_sessions.add_to_cart_at
                    or product_rows.checkout_at < mart_sessions.checkout_at
                    or product_rows.package_shipped_at < mart_sessions.package_shipped_at
                    or (product_rows.page_view_at is not null and mart_sessions.page_view_at is null)
                    or (product_rows.add_to_cart_at is not null and mart_sessions.add_to_cart_at is null)
                    or (product_rows.checkout_at is not null and mart_sessions.checkout_at is null)
                    or (product_rows.package_shipped_at is not null and mart_sessions.package_shipped_at is null)
                    then 1
            end
        ) as rows_beyond_session
    from product_rows
    left join mart_sessions on product_rows.session_id = mart_sessions.session_id
    group by product_rows.session_id
),

known_products as (
    select distinct
        session_steps.session_id,
        session_steps.product_id
    from week_sessions
    inner join intermediate.int_session_steps as session_steps on week_sessions.session_id = session_steps.session_id
    where
        session_steps.known_as_of <= $as_of
        and session_steps.first_at < $as_of
        and session_steps.event_type in ('page_view', 'add_to_cart')
        and session_steps.product_id is not null
),

lost_products as (
    select
        known_products.session_id,
        count(*) as lost
    from known_products
    left join product_rows
        on
            known_products.session_id = product_rows.session_id
            and known_products.product_id = product_rows.product_id
    where product_rows.session_id is null
    group by known_products.session_id
),

-- Where the users were as far as the extracts before say.
places_before as (
    select
        users.user_id,
        addresses.country,
        addresses.state
    from (
        select
            user_id,
            address_id
        from intermediate.int_user_versions
        where as_of < $as_of and pair_id in (select pairs.pair_id from intermediate.int_extract_pairs as pairs)
        qualify row_number() over (partition by user_id order by as_of desc) = 1
    ) as users
    inner join (
        select
            address_id,
            state,
            country
        from intermediate.int_address_versions
        where as_of < $as_of and pair_id in (select pairs.pair_id from intermediate.int_extract_pairs as pairs)
        qualify row_number() over (partition by address_id order by as_of desc) = 1
    ) as addresses on users.address_id = addresses.address_id
    where addresses.country is not null and addresses.state is not null
),

average as (
    select avg(events) as events from week_sessions
),

copies as (
    select
        user_id,
        started_at,
        ended_at,
        events,
        count(*) as sessions
    from week_sessions
    where user_id is not null and events >= 2
    group by user_id, started_at, ended_at, events
)

select
    week_sessions.session_id,
    week_sessions.user_id,
    week_sessions.started_at,
    week_sessions.events,
    mart_sessions.mart_rows > 1 as sessions_unique,
    mart_sessions.session_id is null as sessions_not_lost,
    case
        when mart_sessions.session_id is null then null
        when newest.as_of = $as_of
            then
                week_sessions.started_at is distinct from mart_sessions.started_at
                or week_sessions.page_view_at is distinct from mart_sessions.page_view_at
                or week_sessions.add_to_cart_at is distinct from mart_sessions.add_to_cart_at
                or week_sessions.checkout_at is distinct from mart_sessions.checkout_at
                or week_sessions.package_shipped_at is distinct from mart_sessions.package_shipped_at
        else
            mart_sessions.started_at > week_sessions.started_at
            or coalesce(mart_sessions.page_view_at > week_sessions.page_view_at, false)
            or coalesce(mart_sessions.add_to_cart_at > week_sessions.add_to_cart_at, false)
            or coalesce(mart_sessions.checkout_at > week_sessions.checkout_at, false)
            or coalesce(mart_sessions.package_shipped_at > week_sessions.package_shipped_at, false)
            or (mart_sessions.page_view_at is null and week_sessions.page_view_at is not null)
            or (mart_sessions.add_to_cart_at is null and week_sessions.add_to_cart_at is not null)
            or (mart_sessions.checkout_at is null and week_sessions.checkout_at is not null)
            or (mart_sessions.package_shipped_at is null and week_sessions.package_shipped_at is not null)
    end as sessions_equal_events,
    coalesce(mart_products.product_rows > mart_products.products, false) as session_products_unique,
    coalesce(mart_products.rows_beyond_session > 0, false) as session_products_within_sessions,
    lost_products.lost is not null as session_products_not_lost,
    coalesce(copies.sessions > 1, false) as sessions_not_copied,
    week_sessions.events >= 100 and week_sessions.events >= 20 * average.events as sessions_of_human_size,
    case
        when week_sessions.user_id is not null then week_sessions.country is null or week_sessions.state is null
    end as places_known,
    case
        when places_before.user_id is not null then week_sessions.country is null or week_sessions.state is null
    end as places_mostly_known
from week_sessions
cross join newest
cross join average
left join mart_sessions on week_sessions.session_id = mart_sessions.session_id
left join mart_products on week_sessions.session_id = mart_products.session_id
left join places_before on week_sessions.user_id = places_before.user_id
left join lost_products on week_sessions.session_id = lost_products.session_id
left join copies
    on
        week_sessions.user_id = copies.user_id
        and week_sessions.started_at = copies.started_at
        and week_sessions.ended_at = copies.ended_at
        and week_sessions.events = copies.events
