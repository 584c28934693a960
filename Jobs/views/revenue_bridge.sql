-- The revenue bridge: how the net revenue of one month became that of the next, customer by customer, per currency.
-- To the cent, in every month:
--     opening + new + expansion - contraction - churn - refunds = closing
-- and the closing of a month is the opening of the next. The calendar is dense; a month without sales is in it.
--
--   opening      net revenue of the month before (zero in a currency's first month)
--   new          payments of customers who pay for the first time ever in this currency
--   expansion    what the other customers paid above their opening, the customer's own net of the month before. It
--                includes, and the next two columns show, customers who come back and openings below zero that end
--     reactivation of expansion: payments of customers who paid earlier, but not in the month before
--     recovered    of expansion: openings below zero (more went back than came in the month before) that do not go on
--   contraction  what customers who still pay paid below their opening
--   churn        the opening of customers who pay nothing this month
--   refunds      what went back this month, refunds and chargebacks, to whomever and for whichever month's sale
--   closing      net revenue of the month: payments less refunds and chargebacks, as in revenue_monthly
--   opening_customers + new_customers + reactivated_customers - churned_customers = closing_customers
--                customers who paid the month before, for the first time, again, not any more; and who paid this month.
--                Paid means more than 0.00
-- Every part is zero or more; only opening and closing can be negative. Transactions without a customer count as one
-- customer in amounts, and not at all in numbers of customers. Fees are a cost and have no part here.
-- A shop has no subscriptions: a customer who buys every second month churns and returns each time. The last month is
-- the month so far, and what seems churn in it may still be paid.
-- unique: business_month, currency
-- index: currency, business_month
with lived as (
  select
    customer_id,
    currency,
    business_month,
    gross as paid,
    refunds + chargebacks as returned,
    net,
    lag(business_month) over months as earlier_month,
    lag(gross) over months as earlier_paid,
    lag(net) over months as earlier_net,
    lead(business_month) over months as later_month,
    min(business_month) filter (where gross > 0) over (partition by customer_id, currency) as first_paid
  from customer_monthly
  window months as (partition by customer_id, currency order by business_month)
),
touched as (
  -- A month of a customer acts as itself, and as the opening of the month after, also when nothing happens in that one.
  select
    customer_id,
    currency,
    business_month,
    first_paid,
    paid,
    returned,
    case when earlier_month = (business_month - interval '1 month')::date then earlier_paid else 0 end as paid_before,
    case when earlier_month = (business_month - interval '1 month')::date then earlier_net else 0 end as opening
  from lived
  union all
  select customer_id, currency, (business_month + interval '1 month')::date, first_paid, 0, 0, paid, net
  from lived
  where later_month is distinct from (business_month + interval '1 month')::date
),
parted as (
  select
    *,
    case when paid > 0 and business_month = first_paid then paid else 0 end as new,
    case when paid <= 0 and opening > 0 then opening else 0 end as churn
  from touched
),
moved as (
  -- What new and churn leave of the change is expansion or contraction: nothing of it can be lost.
  select *, (paid - new) - (opening - churn) as change from parted
),
monthly as (
  select
    business_month,
    currency,
    sum(opening) as opening,
    sum(new) as new,
    sum(greatest(change, 0)) as expansion,
    sum(paid) filter (where paid > 0 and paid_before <= 0 and first_paid < business_month) as reactivation,
    -sum(least(opening, 0)) as recovered,
    -sum(least(change, 0)) as contraction,
    sum(churn) as churn,
    sum(returned) as refunds,
    sum(paid - returned) as closing,
    count(customer_id) filter (where paid_before > 0) as opening_customers,
    count(customer_id) filter (where paid > 0 and business_month = first_paid) as new_customers,
    count(customer_id) filter (where paid > 0 and paid_before <= 0 and first_paid < business_month)
      as reactivated_customers,
    count(customer_id) filter (where paid <= 0 and paid_before > 0) as churned_customers,
    count(customer_id) filter (where paid > 0) as closing_customers
  from moved
  group by business_month, currency
),
calendar as (
  select s.currency, m.month::date as business_month
  from (
    select currency, min(business_month) as first_month, max(max(business_month)) over () as last_month
    from customer_monthly
    group by currency
  ) s
  cross join lateral generate_series(s.first_month::timestamp, s.last_month::timestamp, interval '1 month') as m(month)
)
select
  business_month,
  currency,
  coalesce(b.opening, 0) as opening,
  coalesce(b.new, 0) as new,
  coalesce(b.expansion, 0) as expansion,
  coalesce(b.reactivation, 0) as reactivation,
  coalesce(b.recovered, 0) as recovered,
  coalesce(b.contraction, 0) as contraction,
  coalesce(b.churn, 0) as churn,
  coalesce(b.refunds, 0) as refunds,
  coalesce(b.closing, 0) as closing,
  coalesce(b.opening_customers, 0) as opening_customers,
  coalesce(b.new_customers, 0) as new_customers,
  coalesce(b.reactivated_customers, 0) as reactivated_customers,
  coalesce(b.churned_customers, 0) as churned_customers,
  coalesce(b.closing_customers, 0) as closing_customers
from calendar
left join monthly b using (business_month, currency)
