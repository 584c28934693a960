-- What each product sold, per currency of the order.
--
--   name, category  of the product, as the catalogue has them today
--   order_count     orders for the product that were not cancelled; an order is for one product
--   units, revenue  what they ordered, at the price of the order and not of the catalogue today
--   returned_units  of units: those of orders that were returned; a returned order still counts as sold
-- This is what was ordered, paid or not, and not what was received: that is in revenue_daily. A product that was never
-- ordered has no row, and one of which every order was cancelled has zeros.
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
