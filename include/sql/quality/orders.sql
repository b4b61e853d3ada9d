-- The orders of the extract as of $as_of with what the snapshot shows for that moment: one version each, equal.
with extract as (
    select * from intermediate.int_extract_pairs
    where as_of = $as_of
),

landed as (
    select
        orders.*,
        promos.discount
    from extract
    inner join landing.orders as orders on extract.extract_id = orders.extract_id
    left join landing.promos as promos
        on extract.extract_id = promos.extract_id and orders.promo_id = promos.promo_id
),

versions as (
    select * from marts.orders_snapshot
    where dbt_valid_from <= $as_of and (dbt_valid_to is null or dbt_valid_to > $as_of)
),

version_counts as (
    select
        order_id,
        count(*) as versions
    from versions
    group by order_id
)

select
    landed.order_id,
    landed.status,
    landed.created_at,
    cast(
        landed.order_total - (landed.order_cost + landed.shipping_cost - coalesce(landed.discount, 0)) as double
    ) as total_difference,
    coalesce(version_counts.versions, 0) as snapshot_versions,
    case
        when
            landed.user_id is not distinct from versions.user_id
            and landed.promo_id is not distinct from versions.promo_id
            and landed.address_id is not distinct from versions.address_id
            and landed.created_at is not distinct from versions.created_at
            and landed.order_cost is not distinct from versions.order_cost
            and landed.shipping_cost is not distinct from versions.shipping_cost
            and landed.order_total is not distinct from versions.order_total
            and landed.tracking_id is not distinct from versions.tracking_id
            and landed.shipping_service is not distinct from versions.shipping_service
            and landed.estimated_delivery_at is not distinct from versions.estimated_delivery_at
            and landed.delivered_at is not distinct from versions.delivered_at
            and landed.status is not distinct from versions.status
            then 'equal'
        else 'different'
    end as snapshot_content
from landed
left join versions on landed.order_id = versions.order_id
left join version_counts on landed.order_id = version_counts.order_id
