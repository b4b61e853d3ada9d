-- The orders that as of $as_of have been in their status longer than 95 % of the stays in it that had ended by then.
-- There is one row for each stuck order in a status with at least $enough such stays. A status without stuck orders has
-- one row in which order_id is null. Times are UTC.
with versions as (
    select
        order_id,
        status,
        created_at,
        dbt_valid_from,
        dbt_valid_to
    from analytics.orders_snapshot
    where dbt_valid_from <= $as_of and status is not null
),

with_previous as (
    select
        *,
        lag(status) over (partition by order_id order by dbt_valid_from) as previous_status
    from versions
),

-- If an order is missing for a while and comes back in the same status, its stay goes on. Orders begin as preparing. If
-- an order is first seen in another status, nobody knows since when, so it counts from that extract on.
stays as (
    select
        order_id,
        status,
        case
            when previous_status is null and status = 'preparing' and created_at < dbt_valid_from then created_at
            else dbt_valid_from
        end as since,
        lead(dbt_valid_from) over (partition by order_id order by dbt_valid_from) as left_at
    from with_previous
    where previous_status is distinct from status
),

peers as (
    select
        status,
        count(*) as stays,
        percentile_cont(0.95) within group (order by cast(datediff('microsecond', since, left_at) as double))
            as microseconds_95
    from stays
    where left_at is not null
    group by status
    having count(*) >= $enough
),

open_stays as (
    select
        stays.order_id,
        stays.status,
        stays.since,
        datediff('microsecond', stays.since, $as_of) as microseconds
    from stays
    inner join versions on stays.order_id = versions.order_id
    where stays.left_at is null and (versions.dbt_valid_to is null or versions.dbt_valid_to > $as_of)
)

select
    peers.status,
    peers.stays,
    peers.microseconds_95,
    open_stays.order_id,
    open_stays.since,
    open_stays.microseconds
from peers
left join open_stays on peers.status = open_stays.status and peers.microseconds_95 < open_stays.microseconds
where peers.status <> 'delivered'
order by peers.status, open_stays.order_id
