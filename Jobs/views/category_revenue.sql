-- What each category sold, per currency: the products of product_revenue added up, so that both have the same totals.
--
--   products        products of the category that were ordered
--   order_count     orders that were not cancelled; an order is for one product, so none is counted twice
--   units, revenue  what they ordered, at the price of the order; not what was received (see revenue_daily)
--   returned_units  of units: those of orders that were returned, and returned_share, their part, with four decimals
--   average_order   revenue for each order, with two decimals; null where every order was cancelled
--   share           part of the currency's revenue, with four decimals; null where nothing was sold
-- unique: category, currency
-- index: currency, revenue
select
  category,
  currency,
  count(*) as products,
  sum(order_count) as order_count,
  sum(units) as units,
  sum(revenue) as revenue,
  sum(returned_units) as returned_units,
  round(sum(returned_units) / nullif(sum(units), 0), 4) as returned_share,
  round(sum(revenue) / nullif(sum(order_count), 0), 2) as average_order,
  round(sum(revenue) / nullif(sum(sum(revenue)) over (partition by currency), 0), 4) as share
from product_revenue
group by category, currency
