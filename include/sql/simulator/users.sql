-- Users sign up evenly, so the users that exist at an instant are the numbers below a count in closed form: a session
-- draws its user without a join.
create macro first_users() as greatest(60, getvariable('sessions_per_week') // 3);
create macro signups_per_week() as
if(getvariable('growth_percent') = 0, 0, greatest(6, getvariable('sessions_per_week') // 20));
create macro users_at(instant) as
first_users() + date_diff('second', getvariable('opened_at'), instant) * signups_per_week() // 604800;

create table users as
with numbers as (
    select
        number,
        make_id('user', number) as user_id,
        make_id('address', number) as address_id,
        make_id('new address', number) as new_address_id
    from range(users_at(getvariable('opened_at') + to_weeks(getvariable('weeks')))) as numbers (number)
),

signups as (
    select
        *,
        getvariable('opened_at') + to_seconds(if(
            number < first_users(),
            -1 - draw_integer(user_id, 0, 2 * 365 * 86400),
            floor((number - first_users() + draw(user_id, 0)) * 604800 / signups_per_week())
        )::bigint) as created_at
    from numbers
)

select
    *,
    draw_from(user_id, 1, ['Keslie', 'Gerhard', 'Edithe', 'Zoë', 'Odette', 'Ciarán', 'Hilda', 'Ravi']) as first_name,
    draw_from(user_id, 2, ['Hearmon', 'Kernan', 'O''Brien', 'Ødegård', 'de la Cruz', 'Smith', 'Müller']) as last_name,
    'user' || number || '@example.com' as email,
    '555-01' || lpad((number % 100)::varchar, 2, '0') as phone_number,
    if(
        draw(user_id, 3) < 0.3,
        greatest(created_at, getvariable('opened_at'))
        + to_hours(1 + draw_integer(new_address_id, 0, getvariable('moving_weeks') * 168)),
        null
    ) as moved_at
from signups;

-- Two users have an address that is in no extract: where they live stays unknown.
create table addresses as
with homes as (
    select
        address_id,
        created_at
    from users
    where number not in (3, 11)
    union all
    select
        new_address_id,
        moved_at
    from users
    where moved_at is not null and number not in (3, 11)
),

located as (
    select
        *,
        draw_from(address_id, 1, getvariable('places')) as place
    from homes
)

select
    address_id,
    1 + draw_integer(address_id, 2, 9999) || ' ' || draw_from(
        make_id('street', address_id), 0, ['Artisan Park', 'Carberry Street', 'Rue de l''Église', '"Old" Mill Road, 2']
    ) as address,
    place.zip_prefix || lpad(draw_integer(address_id, 3, 1000)::varchar, 3, '0') as zipcode,
    place.state,
    place.country,
    created_at
from located;
