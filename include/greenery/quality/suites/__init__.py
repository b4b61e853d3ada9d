"""The suites of the quality gate, one for each relation: its expectations, and what to do if one fails.

A suite is validated on the rows of include/sql/quality/rows/<its name>.sql.
"""

from __future__ import annotations

from greenery.quality.suite import Suite
from greenery.quality.suites import (
    addresses,
    backdated_sessions,
    columns,
    events,
    events_by_week,
    extract,
    fct_funnel_daily,
    fct_order_changes,
    fct_product_funnel_daily,
    fct_session_products,
    fct_sessions,
    funnel_cells,
    newest,
    order_events,
    order_items,
    order_values_by_week,
    orders,
    orders_by_week,
    previous_events,
    previous_orders,
    previous_products,
    products,
    products_by_week,
    reconciliation,
    required_columns,
    session_products,
    sessions,
    sessions_by_hour,
    sessions_by_week,
    sessions_of_new_events,
    users,
    users_of_the_week,
)

# The order matters: of the failed checks of our own models only the first is reported.
SUITES: tuple[Suite, ...] = tuple(
    module.SUITE
    for module in (
        fct_sessions,
        sessions,
        fct_session_products,
        session_products,
        fct_funnel_daily,
        fct_product_funnel_daily,
        funnel_cells,
        fct_order_changes,
        orders,
        reconciliation,
        extract,
        required_columns,
        columns,
        events,
        backdated_sessions,
        sessions_of_new_events,
        previous_events,
        order_events,
        order_items,
        previous_orders,
        products,
        previous_products,
        users,
        addresses,
        users_of_the_week,
        newest,
        sessions_by_week,
        sessions_by_hour,
        events_by_week,
        orders_by_week,
        order_values_by_week,
        products_by_week,
    )
)
