-- What each product sold in each country.
-- unique: stock_code, country, currency
-- index: country, revenue
select
  stock_code,
  country,
  currency,
  max(description) as description,
  count(*) as line_count,
  sum(quantity) as units,
  sum(quantity * unit_price) as revenue
from online_retail
group by stock_code, country, currency
