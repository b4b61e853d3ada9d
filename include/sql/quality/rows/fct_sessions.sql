-- The rows of fct_sessions for the sessions that start in the week that ends at $as_of, with the same values as known
-- at $as_of. Later extracts of the build can add events to the mart and move a step to an earlier time, but never
-- remove events or move a step to a later time.
with newest as (
    select max(as_of) as as_of from intermediate.int_extract_pairs
)

select
    marts.session_id,
    marts.user_id,
    marts.started_at,
    marts.page_view_at,
    marts.add_to_cart_at,
    marts.checkout_at,
    marts.package_shipped_at,
    sessions.started_at as known_started_at,
    sessions.page_view_at as known_page_view_at,
    sessions.add_to_cart_at as known_add_to_cart_at,
    sessions.checkout_at as known_checkout_at,
    sessions.package_shipped_at as known_package_shipped_at,
    newest.as_of = $as_of as is_newest
from quality_sessions as sessions
inner join marts.fct_sessions as marts on sessions.session_id = marts.session_id
cross join newest
