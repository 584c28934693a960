-- Weeks, calendar months, fiscal quarters and fiscal years beside each other, per currency, each period against the one
-- before and against the year before. The calendar is dense: a period without sales is a row of zeros. A currency
-- begins with its first period; all currencies end with the last period of the data, which may still be under way.
--
--   grain                  week, month, fiscal_quarter or fiscal_year; period_start is the period's first day
--   fiscal_year            named by the calendar year in which it ends; a week belongs to the year of its first day
--   period_number          the period's place in its fiscal year: week 1 to 53, month 1 to 12, quarter 1 to 4, year 1
--   gross, refunds, chargebacks, fees, net, orders, average_order_value
--                          as in revenue_daily, for the period
--   net_before             net of the period before, and growth against it
--   net_year_before        net of 52 weeks, 12 months, 4 quarters or 1 year before, and year_over_year against it
--   net_fiscal_year_before net of the period with the same number in the fiscal year before, and
--                          fiscal_year_over_year against it. It differs from the line above only for weeks; a 53rd week
--                          has no counterpart in a year of 52
--   is_complete            whether all days of the period lie between the first and the last business day of the data,
--                          in any currency. The period under way is not complete, nor the one in which the data begin
-- Growth is a ratio with four decimals, null where the base is missing, zero or negative, and where the period or its
-- base is not complete; revenue_trend compares a period under way with the same days of an earlier one.
-- unique: grain, period_start, currency
-- index: currency, grain, period_start
with calendar as (
  select
    (select make_interval(months => extract(month from min(fiscal_year))::int - 1) from revenue_fiscal_yearly)
      as fiscal_shift,
    (select min(business_date) from revenue_daily) as first_day,
    (select max(business_date) from revenue_daily) as last_day
),
found as (
  select 'week' as grain, business_week as period_start, currency, gross, refunds, chargebacks, fees, net, orders,
    average_order_value
  from revenue_weekly
  union all
  select 'month', business_month, currency, gross, refunds, chargebacks, fees, net, orders, average_order_value
  from revenue_monthly
  union all
  select 'fiscal_quarter', fiscal_quarter, currency, gross, refunds, chargebacks, fees, net, orders,
    average_order_value
  from revenue_fiscal_quarterly
  union all
  select 'fiscal_year', fiscal_year, currency, gross, refunds, chargebacks, fees, net, orders, average_order_value
  from revenue_fiscal_yearly
),
grains (grain, step, periods_a_year) as (
  values
    ('week', interval '7 days', 52), ('month', interval '1 month', 12), ('fiscal_quarter', interval '3 months', 4),
    ('fiscal_year', interval '1 year', 1)
),
span as (
  select
    grain,
    currency,
    min(period_start) as first_start,
    max(max(period_start)) over (partition by grain) as last_start
  from found
  group by grain, currency
),
dense as (
  select
    g.grain,
    g.periods_a_year,
    p.start::date as period_start,
    s.currency,
    p.start >= c.first_day and (p.start + g.step)::date - 1 <= c.last_day as is_complete,
    (date_trunc('year', date_trunc('month', p.start) - c.fiscal_shift) + c.fiscal_shift)::date as year_start
  from span s
  join grains g using (grain)
  cross join calendar c
  cross join lateral generate_series(s.first_start::timestamp, s.last_start::timestamp, g.step) as p(start)
),
numbered as (
  select
    d.grain,
    d.periods_a_year,
    d.period_start,
    d.currency,
    d.is_complete,
    (extract(year from d.year_start + interval '1 year' - interval '1 day'))::int as fiscal_year,
    case d.grain
      when 'week' then (d.period_start - d.year_start) / 7 + 1
      when 'fiscal_year' then 1
      else (
        (extract(year from d.period_start) - extract(year from d.year_start)) * 12
        + extract(month from d.period_start) - extract(month from d.year_start)
      )::int / case d.grain when 'month' then 1 else 3 end + 1
    end as period_number,
    coalesce(f.gross, 0) as gross,
    coalesce(f.refunds, 0) as refunds,
    coalesce(f.chargebacks, 0) as chargebacks,
    coalesce(f.fees, 0) as fees,
    coalesce(f.net, 0) as net,
    coalesce(f.orders, 0) as orders,
    f.average_order_value
  from dense d
  left join found f using (grain, period_start, currency)
),
compared as (
  select
    *,
    lag(net) over periods as net_before,
    is_complete and lag(is_complete) over periods as is_fair,
    lag(net, periods_a_year) over periods as net_year_before,
    is_complete and lag(is_complete, periods_a_year) over periods as is_fair_year,
    first_value(net) over same_number as net_fiscal_year_before,
    is_complete and first_value(is_complete) over same_number as is_fair_fiscal
  from numbered
  window
    periods as (partition by grain, currency order by period_start),
    same_number as (
      partition by grain, currency, period_number order by fiscal_year range between 1 preceding and 1 preceding
    )
)
select
  grain,
  period_start,
  currency,
  fiscal_year,
  period_number,
  is_complete,
  gross,
  refunds,
  chargebacks,
  fees,
  net,
  orders,
  average_order_value,
  net_before,
  case when net_before > 0 and is_fair then round(net / net_before - 1, 4) end as growth,
  net_year_before,
  case when net_year_before > 0 and is_fair_year then round(net / net_year_before - 1, 4) end as year_over_year,
  net_fiscal_year_before,
  case
    when net_fiscal_year_before > 0 and is_fair_fiscal then round(net / net_fiscal_year_before - 1, 4)
  end as fiscal_year_over_year
from compared
