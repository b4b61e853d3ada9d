create table weeks as
select
    week,
    getvariable('opened_at') + to_weeks(week::integer) as starts_at,
    getvariable('sessions_per_week') * (100 + getvariable('growth_percent') * week) // 100 as sessions,
    if(week < getvariable('improved_week'), 0.51, 0.59) as checkout_share
from range(getvariable('weeks')) as numbers (week);

-- A choice is as likely as it is often in its list.
set variable hours_of_week = (
    with day_weights as (
        select
            day,
            [16, 10, 10, 11, 11, 13, 17][1 + dayofweek(getvariable('opened_at') + to_days(day::integer))] as weight
        from range(7) as days (day)
    ),

    hour_weights as (
        select
            hour,
            [2, 1, 1, 1, 1, 2, 4, 6, 8, 9, 10, 10, 11, 10, 9, 9, 10, 12, 14, 16, 16, 13, 8, 4][1 + hour] as weight
        from range(24) as hours (hour)
    )

    select list((day * 24 + hour)::integer order by day, hour)
    from day_weights, hour_weights, unnest(range(day_weights.weight * hour_weights.weight))
);

set variable places = (
    with places (state, country, zip_prefix, weight) as (
        values
        ('California', 'United States', '92', 14), ('Texas', 'United States', '77', 16),
        ('New York', 'United States', '10', 9), ('Florida', 'United States', '33', 8),
        ('Virginia', 'United States', '22', 7), ('Massachusetts', 'United States', '02', 5),
        ('New Jersey', 'United States', '07', 4), ('Washington', 'United States', '98', 4),
        ('Illinois', 'United States', '60', 4), ('Colorado', 'United States', '80', 3),
        ('Île-de-France', 'France', '75', 5), ('Bretagne', 'France', '35', 2),
        ('Bayern', 'Germany', '80', 4), ('Sachsen', 'Germany', '01', 2), ('Thüringen', 'Germany', '99', 1),
        ('Catalunya', 'Spain', '08', 3), ('Ciudad de México', 'Mexico', '06', 4), ('Jalisco', 'Mexico', '44', 2)
    )

    select list({ state: state, country: country, zip_prefix: zip_prefix } order by state)
    from places, unnest(range(weight))
);

create table promos (promo_id varchar, discount integer, status varchar);
insert into promos values
('digitized', 11, 'active'), ('instruction set', 13, 'inactive'), ('leverage', 10, 'active'),
('mandatory', 20, 'active'), ('optional', 0, 'inactive'), ('task-force', 2, 'active');

-- Most popular first: a product's place in the list is its rank.
create table products as
with names (product, name, base_price) as (
    values
    (0, 'Pothos', 30.50), (1, 'String of pearls', 80.50), (2, 'Monstera', 50.75), (3, 'Fougère', 22.00),
    (4, 'Bird''s "Nest" <Fern> & Co', 15.50), (5, 'Philodendron', 45.00), (6, 'ZZ Plant', 25.00),
    (7, 'Snake Plant', 25.50), (8, 'Orchid', 50.75), (9, 'Bamboo', 15.25), (10, 'Calathea Makoyana', 40.25),
    (11, 'Peace Lily', 60.50), (12, 'Bird of Paradise', 65.00), (13, 'Fiddle Leaf Fig', 85.50),
    (14, 'Ficus, "Audrey"', 20.25), (15, 'Pilea Peperomioides', 20.50), (16, 'Angel Wings Begonia', 95.00),
    (17, 'Jade Plant', 15.00), (18, 'Arrow Head', 30.95), (19, 'Majesty Palm', 70.00), (20, 'Spider Plant', 15.00),
    (21, 'Money Tree', 30.50), (22, 'Cactus', 15.00), (23, 'Devil''s Ivy', 15.25), (24, 'Alocasia Polly', 95.00),
    (25, 'Pink Anthurium', 60.95), (26, 'Dragon Tree', 50.25), (27, 'Aloe Vera', 15.00),
    (28, 'Rubber Plant', 20.50), (29, 'Ponytail Palm', 80.75)
)

select
    product,
    make_id('product', product) as product_id,
    name,
    base_price
from names;
set variable product_ids = (select list(product_id order by product) from products);

create table prices as
with moves as (
    select
        week,
        product,
        base_price,
        draw(make_id('price', week || '/' || product), 0) as drawn
    from weeks, products
),

levels as (
    select
        week,
        product,
        base_price,
        sum(case when drawn < 0.04 then 0.03 when drawn > 0.97 then -0.03 else 0.00 end)
            over (partition by product order by week) as raised
    from moves
)

select
    week,
    product,
    round(base_price * (1 + greatest(-0.30, least(0.60, raised))), 2)::decimal(12, 2) as price
from levels;
