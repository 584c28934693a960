-- Revenue by month as it is reported: a closed month as it was when it was closed, an open one as it is, and in each month
-- what was posted to it from closed ones. With `late: adjust` the sum over all months is the true sum to the cent, unless a
-- closed month was changed by hand or under another rule, and no month that was reported ever changes (nor does the time
-- zone while months are closed); otherwise, and with another rule, restatements.sql holds what is missing here.
-- gross, refunds, fees, chargebacks and net are those of revenue_monthly, with what was posted to the month in them;
-- net_adjustments is how much of net was posted from closed months, and is_closed whether the month is one.
-- unique: business_month, currency
-- index: currency, business_month
with own as (
  select r.business_month, r.currency, r.gross, r.refunds, r.fees, r.chargebacks
  from revenue_monthly r
  where not exists (select from daybook.period p where p.period = r.business_month)
  union all
  select
    f.period,
    f.key ->> 'currency',
    (f.figures ->> 'gross')::numeric,
    (f.figures ->> 'refunds')::numeric,
    (f.figures ->> 'fees')::numeric,
    (f.figures ->> 'chargebacks')::numeric
  from daybook.period p
  join daybook.period_figure f on f.period = p.period and f.version = p.version and f.view = 'revenue_monthly'
),
posted as (
  select
    a.posted_to as business_month,
    a.image ->> 'currency' as currency,
    a.image ->> 'type' as type,
    a.weight * (a.image ->> 'amount')::numeric as amount
  from daybook.adjustment a
  where a.feed = 'transactions' and a.withdrawn_at is null
),
adjusted as (
  select
    business_month,
    currency,
    coalesce(sum(amount) filter (where type = 'payment'), 0) as gross,
    coalesce(sum(amount) filter (where type = 'refund'), 0) as refunds,
    coalesce(sum(amount) filter (where type = 'fee'), 0) as fees,
    coalesce(sum(amount) filter (where type = 'chargeback'), 0) as chargebacks
  from posted
  group by business_month, currency
)
select
  business_month,
  currency,
  coalesce(o.gross, 0) + coalesce(a.gross, 0) as gross,
  coalesce(o.refunds, 0) + coalesce(a.refunds, 0) as refunds,
  coalesce(o.fees, 0) + coalesce(a.fees, 0) as fees,
  coalesce(o.chargebacks, 0) + coalesce(a.chargebacks, 0) as chargebacks,
  coalesce(o.gross, 0) + coalesce(a.gross, 0)
    - coalesce(o.refunds, 0) - coalesce(a.refunds, 0)
    - coalesce(o.chargebacks, 0) - coalesce(a.chargebacks, 0) as net,
  coalesce(a.gross, 0) - coalesce(a.refunds, 0) - coalesce(a.chargebacks, 0) as net_adjustments,
  exists (select from daybook.period p where p.period = business_month) as is_closed
from own o
full join adjusted a using (business_month, currency)
