-- For the week that ends at $as_of and the eight weeks before it: the number of sessions, and how many reached each
-- step, as known at $as_of.
with sessions as (
    {{ of_nine_weeks(sessions) }}
)

select
    weeks_ago,
    count(*) as sessions,
    count(page_view_at) as page_view,
    count(add_to_cart_at) as add_to_cart,
    count(checkout_at) as checkout,
    count(case when user_id is null then 1 end) as without_user
from sessions
group by weeks_ago
order by weeks_ago
