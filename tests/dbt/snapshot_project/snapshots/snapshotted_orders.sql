{% snapshot snapshotted_orders %}
{{ config(
    target_schema='snapshots',
    unique_key='order_id',
    strategy='check',
    check_cols=[
        'user_id', 'promo_id', 'address_id', 'created_at', 'order_cost', 'shipping_cost', 'order_total',
        'tracking_id', 'shipping_service', 'estimated_delivery_at', 'delivered_at', 'status'
    ],
    hard_deletes='invalidate',
) }}
select * exclude (case_number, as_of)
from main.landed_orders
where case_number = {{ env_var('SNAPSHOT_CASE') }} and as_of = timestamp '{{ env_var('SNAPSHOT_AS_OF') }}'
{% endsnapshot %}
