-- What each product sold, per currency. Cancelled orders count for nothing; a returned order still
-- counts as sold, and its units are shown beside it.
-- unique: product_id, currency
-- index: currency, revenue
select
  p.product_id,
  p.name,
  p.category,
  o.currency,
  count(*) filter (where o.status <> 'cancelled') as order_count,
  coalesce(sum(o.quantity) filter (where o.status <> 'cancelled'), 0) as units,
  coalesce(sum(o.quantity * o.unit_price) filter (where o.status <> 'cancelled'), 0) as revenue,
  coalesce(sum(o.quantity) filter (where o.status = 'returned'), 0) as returned_units
from orders o
join products p on p.product_id = o.product_id
group by p.product_id, p.name, p.category, o.currency
