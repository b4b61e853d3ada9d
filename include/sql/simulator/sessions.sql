-- Carts come from a session's last pages. Where that leaves the first page out, the first page alone may be late: the
-- session's start then becomes known after its other events, and a page view is still among those.
create table session_numbers as
select
    week,
    starts_at as week_starts_at,
    checkout_share,
    unnest(range(sessions)) + week * 1000000000 as session
from weeks;

create table sessions as
with identified as (
    select
        *,
        make_id('session', session) as session_id,
        make_id('path', session) as path_id,
        make_id('visitor', session) as visitor_id
    from session_numbers
),

starts as (
    select
        *,
        draw_from(session_id, 0, getvariable('hours_of_week')) as hour_of_week,
        week_starts_at + to_seconds(hour_of_week * 3600 + draw_integer(session_id, 1, 3600)) as started_at
    from identified
),

visitors as (
    select
        *,
        make_id('user', draw_integer(session_id, 2, users_at(started_at))) as account_id,
        draw(visitor_id, 0) < 0.02 as is_guest,
        draw(visitor_id, 0) between 0.02 and 0.05 as signs_in_later,
        draw(visitor_id, 0) > 0.98 as buys_again
    from starts
),

carts as (
    select
        *,
        40 + draw_integer(session_id, 3, 80) as page_seconds,
        1 + draw_integer(path_id, 0, 5) as pages,
        if(draw(path_id, 1) < 0.78, 1 + draw_integer(path_id, 2, pages), 0) as carts
    from visitors
)

select
    session,
    session_id,
    week,
    if(is_guest, null, account_id) as user_id,
    signs_in_later,
    started_at,
    page_seconds,
    pages,
    carts,
    not is_guest and (carts > 0 or buys_again) and draw(path_id, 3) < checkout_share as checks_out,
    draw_delay_days(visitor_id, 1, 0.004) as delay_days,
    if(greatest(carts, 1) < pages, draw_delay_days(visitor_id, 2, 0.006), 0) as first_page_delay_days
from carts;

create table pages as
with numbered as (
    select
        *,
        unnest(range(pages)) as page
    from sessions
),

identified as (
    select
        *,
        session * 10 + page as page_number,
        make_id('page_view', page_number) as page_view_id
    from numbered
),

products_viewed as (
    select
        *,
        floor(draw(page_view_id, 0) * draw(page_view_id, 0) * len(getvariable('product_ids')))::integer as product
    from identified
)

select
    session,
    session_id,
    week,
    page_number,
    page_view_id,
    user_id,
    if(page = 0 and signs_in_later, null, user_id) as page_user_id,
    started_at + to_seconds(page * page_seconds) as viewed_at,
    product,
    getvariable('product_ids')[1 + product] as product_id,
    page >= pages - carts as in_cart,
    checks_out and page >= pages - greatest(carts, 1) as is_bought,
    delay_days,
    if(page = 0, first_page_delay_days, 0) as page_delay_days
from products_viewed;
