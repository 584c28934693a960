-- Where net revenue is going, day by day and per currency, on a dense calendar: a day without sales is a zero and not a
-- gap. A currency begins on its first day with a transaction; all currencies end on the last day of the data.
--
--   net                     the day's payments less refunds and chargebacks (revenue_daily)
--   average_7d, average_28d mean of the 7 or 28 days that end on the day; null until that many days exist
--   month_to_date           net since the first of the calendar month; year_to_date since January 1st
--   fiscal_quarter_to_date  net since the first day of the fiscal quarter; fiscal_year_to_date of the fiscal year
--   trailing_12_months      net of the year that ends on the day; null until a year of days exists
--   month_over_month        month to date against the same days of the month before (the 31st against its last day)
--   year_over_year          the day against the same date a year before (February 29th against the 28th)
--   year_over_year_weekday  the day against the day 364 days before: the same weekday, 52 weeks ago, in every year
--   fiscal_quarter_over_year, fiscal_year_over_year
--                           the fiscal period to date against the same fiscal period of the fiscal year before, up to
--                           the same date
-- Growth is a ratio with four decimals (0.0500 is five percent). It is null where the base is zero, negative, or begins
-- before the currency's first day, so that a base which is only partly in the data is never compared with.
-- The fiscal year's first month is read off revenue_fiscal_yearly, which knows the project's calendar.
-- unique: business_date, currency
-- index: currency, business_date
with calendar as (
  select
    (select max(business_date) from revenue_daily) as last_day,
    (select make_interval(months => extract(month from min(fiscal_year))::int - 1) from revenue_fiscal_yearly)
      as fiscal_shift
),
dense as (
  select
    s.currency,
    s.first_day,
    d.day::date as business_date,
    coalesce(r.net, 0) as net,
    date_trunc('month', d.day)::date as month_start,
    date_trunc('year', d.day)::date as year_start,
    (date_trunc('quarter', date_trunc('month', d.day) - c.fiscal_shift) + c.fiscal_shift)::date as quarter_start,
    (date_trunc('year', date_trunc('month', d.day) - c.fiscal_shift) + c.fiscal_shift)::date as fiscal_year_start
  from (select currency, min(business_date) as first_day from revenue_daily group by currency) s
  cross join calendar c
  cross join lateral generate_series(s.first_day::timestamp, c.last_day::timestamp, interval '1 day') as d(day)
  left join revenue_daily r on r.currency = s.currency and r.business_date = d.day::date
),
summed as (
  select
    *,
    sum(net) over (order_of_days rows between 6 preceding and current row) as sum_7d,
    sum(net) over (order_of_days rows between 27 preceding and current row) as sum_28d,
    sum(net) over (order_of_days range between interval '1 year -1 day' preceding and current row) as sum_12m,
    sum(net) over (partition by currency, month_start order by business_date) as month_to_date,
    sum(net) over (partition by currency, year_start order by business_date) as year_to_date,
    sum(net) over (partition by currency, quarter_start order by business_date) as fiscal_quarter_to_date,
    sum(net) over (partition by currency, fiscal_year_start order by business_date) as fiscal_year_to_date
  from dense
  window order_of_days as (partition by currency order by business_date)
),
-- Each base is the row of the day compared with; a frame of exactly one day finds it without a join.
compared as (
  select
    *,
    first_value(month_to_date) over month_before as base_month,
    first_value(net) over year_before as base_day,
    first_value(fiscal_quarter_to_date) over year_before as base_quarter,
    first_value(fiscal_year_to_date) over year_before as base_year,
    first_value(net) over weeks_before as base_weekday
  from summed
  window
    month_before as (
      partition by currency order by business_date
      range between interval '1 month' preceding and interval '1 month' preceding
    ),
    year_before as (
      partition by currency order by business_date
      range between interval '1 year' preceding and interval '1 year' preceding
    ),
    weeks_before as (
      partition by currency order by business_date
      range between interval '364 days' preceding and interval '364 days' preceding
    )
)
select
  business_date,
  currency,
  net,
  case when business_date - first_day >= 6 then round(sum_7d / 7, 2) end as average_7d,
  case when business_date - first_day >= 27 then round(sum_28d / 28, 2) end as average_28d,
  month_to_date,
  case
    when base_month > 0 and first_day <= (month_start - interval '1 month')::date
      then round(month_to_date / base_month - 1, 4)
  end as month_over_month,
  case when base_day > 0 then round(net / base_day - 1, 4) end as year_over_year,
  case when base_weekday > 0 then round(net / base_weekday - 1, 4) end as year_over_year_weekday,
  year_to_date,
  fiscal_quarter_to_date,
  case
    when base_quarter > 0 and first_day <= (quarter_start - interval '1 year')::date
      then round(fiscal_quarter_to_date / base_quarter - 1, 4)
  end as fiscal_quarter_over_year,
  fiscal_year_to_date,
  case
    when base_year > 0 and first_day <= (fiscal_year_start - interval '1 year')::date
      then round(fiscal_year_to_date / base_year - 1, 4)
  end as fiscal_year_over_year,
  case when first_day <= (business_date - interval '1 year -1 day')::date then sum_12m end as trailing_12_months
from compared
