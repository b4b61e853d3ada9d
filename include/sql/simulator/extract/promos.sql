select * from promos
order by promo_id
