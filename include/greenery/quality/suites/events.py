"""The events that the extract is the first to show."""

from __future__ import annotations

from greenery.quality.suite import AS_OF, EVENT_TYPES, WEB, Check, Suite

SUITE = Suite(
    "events",
    "events",
    keys=("event_id", "session_id", "event_type", "created_at"),
    noun="new events",
    checks=(
        Check(
            "event_types_known",
            "warning",
            lambda gx: gx.ExpectColumnValuesToBeInSet(column="event_type", value_set=EVENT_TYPES),
            meaning="Every new event has a known event_type, or one that the previous extract has too.",
            look="the event types: tracking may have begun to send a new one",
            remedy="tracking",
            owner=WEB,
        ),
        Check(
            "event_types_mostly_known",
            "critical",
            lambda gx: gx.ExpectMostColumnValuesToBeInSet(
                column="event_type", value_set=EVENT_TYPES, mostly=0.5, row_condition=gx.is_true("has_extract_before")
            ),
            meaning="Most new events have a known event_type, or one that the previous extract has too.",
            look="the event types: they may have been renamed",
            remedy="accept",
            owner=WEB,
            acceptable=True,
            covers=("event_types_known", "events_not_collapsed", "conversion_not_collapsed"),
        ),
        Check(
            "events_have_users",
            "warning",
            lambda gx: gx.ExpectColumnValuesToNotBeNull(
                column="known_user_id", row_condition=gx.Column("user_id").is_not_null()
            ),
            meaning="The user of every new event is in this extract or an earlier one.",
            look="users.csv: it may be older than events.csv",
        ),
        Check(
            "events_mostly_have_users",
            "critical",
            lambda gx: gx.ExpectMostColumnValuesToNotBeNull(
                column="known_user_id",
                mostly=0.5,
                row_condition=gx.is_true("users_are_judged") & gx.Column("user_id").is_not_null(),
            ),
            meaning="The users of most new events are in this extract or an earlier one. Not checked where this was "
            "not so in the previous extract.",
            look="how ids are written in users.csv and events.csv; one may be older or incomplete",
            remedy="accept",
            acceptable=True,
            covers=("events_have_users", "places_known"),
        ),
        Check(
            "events_have_products",
            "warning",
            lambda gx: gx.ExpectColumnValuesToNotBeNull(
                column="known_product_id", row_condition=gx.Column("product_id").is_not_null()
            ),
            meaning="The product of every new event is in this extract or an earlier one.",
            look="products.csv, and whether these ids are product ids at all",
            owner=WEB,
        ),
        Check(
            "events_mostly_have_products",
            "critical",
            lambda gx: gx.ExpectMostColumnValuesToNotBeNull(
                column="product_id_of_now_or_before",
                mostly=0.5,
                row_condition=gx.is_true("products_are_judged") & gx.Column("product_id").is_not_null(),
            ),
            meaning="The products of most new events are in products of this extract or an earlier one, or in events "
            "of the previous extract. Not checked where most had no product in the previous extract.",
            look="products.csv, and whether these ids are product ids at all",
            remedy="accept",
            owner=WEB,
            acceptable=True,
            covers=("events_have_products",),
        ),
        Check(
            "checkouts_have_orders",
            "warning",
            lambda gx: gx.ExpectColumnValuesToNotBeNull(
                column="known_order_id",
                row_condition=gx.Column("event_type").is_in(["checkout", "package_shipped"])
                & gx.Column("order_id").is_not_null(),
            ),
            meaning="The order of every new checkout and shipment is in this extract or an earlier one.",
            look="orders.csv: it may be older than events.csv",
        ),
        Check(
            "checkouts_mostly_have_orders",
            "critical",
            lambda gx: gx.ExpectMostColumnValuesToNotBeNull(
                column="known_order_id",
                mostly=0.5,
                row_condition=gx.is_true("orders_are_judged")
                & gx.Column("event_type").is_in(["checkout", "package_shipped"])
                & gx.Column("order_id").is_not_null(),
            ),
            meaning="The orders of most new checkouts and shipments are in this extract or an earlier one. Not checked "
            "where this was not so in the previous extract.",
            look="how ids are written in orders.csv and events.csv; one may be older or incomplete",
            remedy="accept",
            acceptable=True,
            covers=("checkouts_have_orders", "orders_have_checkouts"),
        ),
        Check(
            "events_have_sessions",
            "warning",
            lambda gx: gx.ExpectColumnValuesToNotBeNull(column="session_id"),
            meaning="Every new event has a session. An event without one is in no figure.",
            look="the events without a session_id, and which tracker sent them",
            remedy="tracking",
            owner=WEB,
        ),
        Check(
            "events_mostly_have_sessions",
            "critical",
            lambda gx: gx.ExpectMostColumnValuesToNotBeNull(column="session_id", mostly=0.5),
            meaning="Most new events have a session.",
            look="the column session_id in events.csv",
            owner=WEB,
            covers=("events_have_sessions", "sessions_not_collapsed", "events_not_collapsed"),
        ),
        Check(
            "order_events_name_orders",
            "warning",
            lambda gx: gx.ExpectColumnValuesToNotBeNull(
                column="order_id", row_condition=gx.Column("event_type").is_in(["checkout", "package_shipped"])
            ),
            meaning="Every new checkout and shipment has an order_id.",
            look="the events without an order_id: their products can't be found",
            remedy="tracking",
            owner=WEB,
        ),
        Check(
            "carts_name_products",
            "warning",
            lambda gx: gx.ExpectColumnValuesToNotBeNull(
                column="product_id", row_condition=gx.Column("event_type") == "add_to_cart"
            ),
            meaning="Every new add_to_cart has a product_id.",
            look="the events without a product_id",
            remedy="tracking",
            owner=WEB,
        ),
        Check(
            "events_not_copied",
            "warning",
            lambda gx: gx.ExpectMostColumnValuesToBeBetween(column="twins", max_value=1, mostly=0.99),
            meaning="At most 1% of the new events equal another event in everything but event_id.",
            look="whether events were sent twice under new ids",
            remedy="tracking",
            owner=WEB,
        ),
        Check(
            "events_not_from_the_future",
            "warning",
            lambda gx: gx.ExpectColumnValuesToBeBetween(column="created_at", max_value=AS_OF, strict_max=True),
            meaning="No new event is dated at or after the extract's as_of.",
            look="the times of the events: a clock or a time zone may be wrong, or the export was made late",
            owner=WEB,
        ),
        Check(
            "events_mostly_not_from_the_future",
            "critical",
            lambda gx: gx.ExpectMostColumnValuesToBeBetween(
                column="created_at", max_value=AS_OF, strict_max=True, mostly=0.5
            ),
            meaning="At most half of the new events are dated at or after the extract's as_of.",
            look="the times of the events: a clock, a time zone or the folder's date may be wrong",
            remedy="accept",
            owner=WEB,
            acceptable=True,
            covers=("events_not_from_the_future", "events_not_collapsed", "sessions_not_collapsed"),
        ),
        Check(
            "events_not_backdated",
            "warning",
            lambda gx: gx.ExpectColumnValuesToBeNull(column="backdated_at"),
            meaning="No new event is dated so long before the previous extract that this one should have had it. Such "
            "an event does not date a session that has any other event.",
            look="the times of the events: a clock may be wrong, or old events were sent late",
            remedy="tracking",
            owner=WEB,
        ),
        Check(
            "events_arrive_in_time",
            "warning",
            lambda gx: gx.ExpectMostColumnPairValuesAToBeGreaterThanB(
                column_A="created_at",
                column_B="previous_as_of",
                or_equal=True,
                ignore_row_if="either_value_is_missing",
                mostly=0.8,
            ),
            meaning="At most a fifth of the new events happened before the previous extract.",
            look="whether tracking sent events late, or sent old events again under new ids",
            remedy="tracking",
            owner=WEB,
        ),
    ),
)
