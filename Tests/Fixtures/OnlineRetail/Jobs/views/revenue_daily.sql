-- What each business day brought in. A line's worth is quantity times price; a cancellation's is negative.
-- unique: business_date, currency
-- index: currency, business_date
select
  (invoiced_at at time zone 'Europe/London')::date as business_date,
  currency,
  count(*) as line_count,
  coalesce(sum(quantity * unit_price) filter (where invoice_no not like 'C%'), 0) as gross,
  coalesce(sum(quantity * unit_price) filter (where invoice_no like 'C%'), 0) as cancelled,
  sum(quantity * unit_price) as revenue
from online_retail
group by 1, 2
