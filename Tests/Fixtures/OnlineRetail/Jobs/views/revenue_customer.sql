-- What each known customer was worth.
-- unique: customer_id, currency
-- index: currency, revenue
select
  customer_id,
  currency,
  count(*) as line_count,
  count(distinct invoice_no) as invoice_count,
  sum(quantity * unit_price) as revenue
from online_retail
where customer_id is not null
group by customer_id, currency
