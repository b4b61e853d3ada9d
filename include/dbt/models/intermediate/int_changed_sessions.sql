with extract_pairs as (
    select * from {{ ref('int_extract_pairs') }}
),

user_versions as (
    select * from {{ ref('int_user_versions') }}
),

address_versions as (
    select * from {{ ref('int_address_versions') }}
),

order_item_versions as (
    select * from {{ ref('int_order_item_versions') }}
),

touched as (
    {{ touched_pairs() }}
),

changed_events as (
    select event_id
    from {{ ref('int_event_appearances') }}
    where pair_id in (select touched.pair_id from touched)
),

-- An event counts in the session of its earliest appearance. If that is another session now, both sessions change.
sessions_of_events as (
    select session_id
    from {{ ref('int_event_appearances') }}
    where event_id in (select changed_events.event_id from changed_events)
),

-- An event dated ahead counts once the newest extract is past it, and stops counting if that extract is withdrawn. Only
-- events after the newest extract of an untouched pair can be affected.
sessions_dated_ahead as (
    select session_id
    from {{ ref('int_event_appearances') }}
    where
        created_at >= as_of
        and created_at >= (
            select max(extract_pairs.as_of)
            from extract_pairs
            where extract_pairs.pair_id not in (select touched.pair_id from touched)
        )
),

changed_addresses as (
    select address_id
    from address_versions
    where pair_id in (select touched.pair_id from touched)
),

changed_users as (
    select user_id
    from user_versions
    where pair_id in (select touched.pair_id from touched)
    union
    select user_id
    from user_versions
    where address_id in (select changed_addresses.address_id from changed_addresses)
),

sessions_of_users as (
    select session_id
    from {{ ref('int_event_appearances') }}
    where user_id in (select changed_users.user_id from changed_users)
),

changed_orders as (
    select order_id
    from order_item_versions
    where pair_id in (select touched.pair_id from touched)
),

sessions_of_orders as (
    select session_id
    from {{ ref('int_event_appearances') }}
    where order_id in (select changed_orders.order_id from changed_orders)
),

all_sessions as (
    select * from sessions_of_events
    union
    select * from sessions_dated_ahead
    union
    select * from sessions_of_users
    union
    select * from sessions_of_orders
),

final as (
    select session_id
    from all_sessions
    where session_id is not null
)

select * from final
