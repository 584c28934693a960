-- Net revenue on a dense calendar: a day without sales is a zero, not a gap.
-- Averages cover the 7 and 28 days that end on the day; they are null until that many days exist.
-- Month over month compares the month to date with the same number of days of the month before;
-- year over year compares the day with the same date a year earlier. Both are ratios of growth,
-- null where the base is missing or not positive.
-- unique: business_date, currency
-- index: currency, business_date
with span as (
  select currency, min(business_date) as first_day, (select max(business_date) from revenue_daily) as last_day
  from revenue_daily
  group by currency
),
calendar as (
  select s.currency, s.first_day, d.day::date as business_date
  from span s
  cross join lateral generate_series(s.first_day::timestamp, s.last_day::timestamp, interval '1 day') as d(day)
),
dense as (
  select c.currency, c.first_day, c.business_date, coalesce(r.net, 0) as net
  from calendar c
  left join revenue_daily r on r.business_date = c.business_date and r.currency = c.currency
),
moving as (
  select
    currency,
    first_day,
    business_date,
    net,
    sum(net) over week as sum_7d,
    sum(net) over four_weeks as sum_28d,
    sum(net) over month_so_far as month_to_date
  from dense
  window
    week as (partition by currency order by business_date rows between 6 preceding and current row),
    four_weeks as (partition by currency order by business_date rows between 27 preceding and current row),
    month_so_far as (
      partition by currency, date_trunc('month', business_date)
      order by business_date
      rows between unbounded preceding and current row
    )
)
select
  m.business_date,
  m.currency,
  m.net,
  case when m.business_date - m.first_day >= 6 then round(m.sum_7d / 7, 2) end as average_7d,
  case when m.business_date - m.first_day >= 27 then round(m.sum_28d / 28, 2) end as average_28d,
  m.month_to_date,
  case when month_before.month_to_date > 0 and month_before.first_day <= date_trunc('month', month_before.business_date)
    then round(m.month_to_date / month_before.month_to_date - 1, 4)
  end as month_over_month,
  case when year_before.net > 0 then round(m.net / year_before.net - 1, 4) end as year_over_year
from moving m
left join moving month_before
  on month_before.currency = m.currency
  and month_before.business_date = (m.business_date - interval '1 month')::date
left join moving year_before
  on year_before.currency = m.currency
  and year_before.business_date = (m.business_date - interval '1 year')::date
