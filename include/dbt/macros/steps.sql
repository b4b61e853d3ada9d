{#- The steps of the product funnel, in their order. -#}
{% macro steps() %}
    {{ return(['page_view', 'add_to_cart', 'checkout', 'package_shipped']) }}
{% endmacro %}
