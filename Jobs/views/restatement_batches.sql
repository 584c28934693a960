-- Which batches moved a closed month behind its first close: when (recorded_at), from which file, how many rows came in
-- and went out, and by what amount, per type and currency; out is negative. A correction has its old row under rows_out and its new one under rows_in.
-- since_last_close tells changes of what was last reported from those that a later close contains already.
-- The amounts of a month behind its last close add up to the differences of restatements.sql, but for TRUNCATE and statements
-- of more than 100,000 rows by hand in a watched table: they leave no images of rows, and are not here.
-- Months are those of the project's time zone, which cannot change while months are closed.
-- unique: period, batch_id, type, currency
with first_close as (
  select distinct on (p.period)
    p.period,
    coalesce((l.batches ->> 'transactions')::bigint, 0) as first_batch,
    coalesce((p.batches ->> 'transactions')::bigint, 0) as last_batch
  from daybook.period p
  join daybook.period_log l on l.period = p.period and l.action = 'close'
  order by p.period, l.log_id
)
select
  c.period,
  j._daybook_batch as batch_id,
  j.type,
  j.currency,
  c.last_batch < j._daybook_batch as since_last_close,
  b.recorded_at,
  f.name as file,
  count(*) filter (where j._daybook_weight > 0) as rows_in,
  count(*) filter (where j._daybook_weight < 0) as rows_out,
  sum(j._daybook_weight * j.amount) as amount
from first_close c
join daybook.journal_transactions j
  on date_trunc('month', j.occurred_at)::date = c.period -- in the project's time zone, which Daybook's sessions have
  and j._daybook_batch > c.first_batch
join daybook.batch b on b.batch_id = j._daybook_batch
left join daybook.file f on f.file_id = b.file_id
group by c.period, c.last_batch, j._daybook_batch, j.type, j.currency, b.recorded_at, f.name
