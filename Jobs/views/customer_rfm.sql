-- How recently, how often and how much each customer paid, as scores from 1 to 5 and a segment, per currency.
-- Only customers who paid are here; who pays in two currencies has a row in each.
--
--   first_paid_on, last_paid_on  business days of the first and the last payment, in the project's time zone
--   days_since_last              days from the last payment to the last business day of the data, in any currency. It
--                                is not counted to today, so that the same data give the same figures on every day
--   payment_count, net_paid      number of payments; payments less refunds and chargebacks (customer_value)
--   recency, frequency, monetary quintile of last_paid_on, payment_count and net_paid among the customers of the
--                                currency: 5 is the best fifth, 1 the last. Fifths are of equal size, but that the
--                                better ones are one larger where the number is not a multiple of five; with fewer
--                                than five customers the best scores are given
--   segment                      the first of these that fits:
--                                champion    recency 4 or 5, frequency and monetary 4 or 5
--                                loyal       recency 3 or more, frequency 4 or 5
--                                big_spender recency 3 or more, monetary 4 or 5
--                                new         recency 4 or 5, frequency 1 or 2
--                                steady      the others with recency 3 or more
--                                at_risk     recency 2 or less, frequency or monetary 4 or 5
--                                hibernating recency 2, the others
--                                lost        recency 1, the others
-- Where customers are equal, the other two figures and then the smaller customer_id decide: the same data always give
-- the same scores, and equal customers may fall into neighbouring fifths.
-- unique: customer_id, currency
-- index: currency, segment
-- index: currency, net_paid
with paying as (
  select
    v.customer_id,
    v.currency,
    v.first_paid_at::date as first_paid_on,
    v.last_paid_at::date as last_paid_on,
    d.last_day,
    v.payment_count,
    v.net_paid
  from customer_value v
  cross join (select max(business_date) as last_day from revenue_daily) d
  where v.payment_count > 0 and v.customer_id is not null
),
scored as (
  select
    *,
    6 - ntile(5) over (
      partition by currency order by last_paid_on desc, payment_count desc, net_paid desc, customer_id
    ) as recency,
    6 - ntile(5) over (
      partition by currency order by payment_count desc, net_paid desc, last_paid_on desc, customer_id
    ) as frequency,
    6 - ntile(5) over (
      partition by currency order by net_paid desc, payment_count desc, last_paid_on desc, customer_id
    ) as monetary
  from paying
)
select
  customer_id,
  currency,
  first_paid_on,
  last_paid_on,
  last_day - last_paid_on as days_since_last,
  payment_count,
  net_paid,
  recency,
  frequency,
  monetary,
  case
    when recency >= 4 and frequency >= 4 and monetary >= 4 then 'champion'
    when recency >= 3 and frequency >= 4 then 'loyal'
    when recency >= 3 and monetary >= 4 then 'big_spender'
    when recency >= 4 and frequency <= 2 then 'new'
    when recency >= 3 then 'steady'
    when frequency >= 4 or monetary >= 4 then 'at_risk'
    when recency = 2 then 'hibernating'
    else 'lost'
  end as segment
from scored
