select * from orders_as_of
