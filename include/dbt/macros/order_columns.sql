{#- All columns of an order except its key, in the source's order. A new version begins when one of them differs. -#} {%
macro order_columns() %}
    {{ return([
        'user_id', 'promo_id', 'address_id', 'created_at', 'order_cost', 'shipping_cost', 'order_total',
        'tracking_id', 'shipping_service', 'estimated_delivery_at', 'delivered_at', 'status'
    ]) }}
{% endmacro %}
