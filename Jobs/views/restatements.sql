-- What closed months were reported to be, and what they are now: one row for each month, view, currency and figure.
-- originally_reported is what the first close kept, reported what the last one did, and difference what has moved since.
-- A figure of a group that came or went after the close stands as null on the side that does not have it.
-- Only numbers are compared. To follow another rollup by month, add it to true_now in the same form, and to kept by name.
-- unique: period, view, currency, figure
-- index: view, period
with true_now as (
  select business_month as period, 'revenue_monthly' as view, currency, to_jsonb(r) as figures
  from revenue_monthly r
),
kept as (
  select
    p.period,
    f.view,
    f.key ->> 'currency' as currency,
    n.figure,
    max(n.value::text::numeric) filter (where f.version = 1) as originally_reported,
    max(n.value::text::numeric) filter (where f.version = p.version) as reported
  from daybook.period p
  join daybook.period_figure f on f.period = p.period and f.version in (1, p.version)
  cross join lateral jsonb_each(f.figures) as n (figure, value)
  where jsonb_typeof(n.value) = 'number' and f.view in ('revenue_monthly')
  group by 1, 2, 3, 4
),
now as (
  select t.period, t.view, t.currency, n.figure, n.value::text::numeric as true_now
  from true_now t
  join daybook.period p on p.period = t.period
  cross join lateral jsonb_each(t.figures) as n (figure, value)
  where jsonb_typeof(n.value) = 'number'
)
select
  coalesce(k.period, n.period) as period,
  coalesce(k.view, n.view) as view,
  coalesce(k.currency, n.currency) as currency,
  coalesce(k.figure, n.figure) as figure,
  k.originally_reported,
  k.reported,
  n.true_now,
  coalesce(n.true_now, 0) - coalesce(k.reported, 0) as difference
from kept k
full join now n
  on n.period = k.period and n.view = k.view and n.currency = k.currency and n.figure = k.figure
