-- What each calendar month brought in, summed up from the days.
-- unique: business_month, currency
select
  date_trunc('month', business_date)::date as business_month,
  currency,
  sum(line_count)::bigint as line_count,
  count(*) as day_count,
  sum(gross) as gross,
  sum(cancelled) as cancelled,
  sum(revenue) as revenue
from revenue_daily
group by 1, 2
