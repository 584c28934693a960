-- What becomes of the customers who came in the same month, per currency. A customer belongs to the cohort of the first
-- month in which they paid (more than 0.00) in that currency; who pays in two currencies is in a cohort of each.
-- Each cohort has a row for every month from its first to the last of the data, also for months in which nobody paid.
--
--   cohort_month      first paying month; business_month the month that is looked at; months_since the months between
--   cohort_customers  customers of the cohort
--   active_customers  those of them who paid in the month, and customers_retained, their share with four decimals
--   gross, refunds    what the cohort paid in the month, and what went back to it (refunds and chargebacks)
--   net               gross less refunds, and net_retained, its ratio to the net of the cohort's first month (four
--                     decimals; null where that is zero or negative)
--   net_to_date       net of the cohort up to and with the month, and net_per_customer, that for each customer of the
--                     cohort, with two decimals
-- The net of all rows together is the net of revenue_monthly, to the cent. For that, money of no cohort has rows
-- without a cohort_month: refunds of customers who never paid, and transactions without a customer. A refund from before
-- the first payment has a months_since below zero. The last month is the month so far.
-- unique: cohort_month, business_month, currency
-- index: currency, cohort_month, months_since
with monthly as (
  select
    currency,
    business_month,
    gross,
    refunds + chargebacks as refunds,
    net,
    case
      when customer_id is not null
        then min(business_month) filter (where gross > 0) over (partition by customer_id, currency)
    end as cohort_month
  from customer_monthly
),
activity as (
  select
    cohort_month,
    business_month,
    currency,
    count(*) filter (where cohort_month is not null and gross > 0) as active_customers,
    sum(gross) as gross,
    sum(refunds) as refunds,
    sum(net) as net
  from monthly
  group by cohort_month, business_month, currency
),
cohorts as (
  -- In its first month every customer of a cohort is active.
  select cohort_month, currency, active_customers as cohort_customers, net as first_net
  from activity
  where business_month = cohort_month
),
calendar as (
  select c.cohort_month, m.month::date as business_month, c.currency
  from cohorts c
  cross join (select max(business_month) as last_month from activity) l
  cross join lateral generate_series(c.cohort_month::timestamp, l.last_month::timestamp, interval '1 month') as m(month)
),
dense as (
  select
    cohort_month,
    business_month,
    currency,
    coalesce(a.active_customers, 0) as active_customers,
    coalesce(a.gross, 0) as gross,
    coalesce(a.refunds, 0) as refunds,
    coalesce(a.net, 0) as net
  from calendar
  full join activity a using (cohort_month, business_month, currency)
)
select
  d.cohort_month,
  d.business_month,
  d.currency,
  (
    (extract(year from d.business_month) - extract(year from d.cohort_month)) * 12
    + extract(month from d.business_month) - extract(month from d.cohort_month)
  )::int as months_since,
  c.cohort_customers,
  case when d.cohort_month is not null then d.active_customers end as active_customers,
  round(d.active_customers::numeric / c.cohort_customers, 4) as customers_retained,
  d.gross,
  d.refunds,
  d.net,
  case when c.first_net > 0 then round(d.net / c.first_net, 4) end as net_retained,
  case when d.cohort_month is not null then sum(d.net) over to_date end as net_to_date,
  round(sum(d.net) over to_date / c.cohort_customers, 2) as net_per_customer
from dense d
left join cohorts c using (cohort_month, currency)
window to_date as (partition by d.currency, d.cohort_month order by d.business_month)
