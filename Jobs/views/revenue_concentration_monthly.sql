-- How much of each calendar month's revenue depends on a few customers, per currency.
-- Shares are of net revenue among customers whose net is above zero: a customer who got back as much as they paid, or
-- more, has no share, and a transaction without a customer belongs to nobody. Both are told apart in other_net.
--
--   customers        customers with net above zero; customer_net what they brought together
--   other_net        net of everybody else, often negative: customer_net + other_net is the net of
--                    the month in revenue_monthly, to the cent
--   top_1, top_5, top_10
--                    share of the largest one, five and ten customers, with four decimals; 1 where there are no more
--   pareto_customers the fewest customers that together bring 80 percent or more of customer_net, and pareto_share,
--                    their part of all customers, with four decimals (0.2000 is the rule of 80 to 20)
--   hhi              Herfindahl-Hirschman index: the sum of the squared shares in percent, with two decimals. 10000 is
--                    a single customer, 10000 / n are n equal ones; above 2500 counts as highly concentrated
-- Shares and hhi are null where no customer has a net above zero. The order of equal customers never changes a figure.
-- unique: business_month, currency
-- index: currency, business_month
with sized as (
  select
    business_month, currency,
    customer_id,
    net as net,
    customer_id is not null and net > 0 as has_share
  from customer_monthly
),
ranked as (
  select
    *,
    row_number() over largest as place,
    sum(net) over largest as net_so_far,
    sum(net) over (partition by business_month, currency, has_share) as net_of_all
  from sized
  window largest as (partition by business_month, currency, has_share order by net desc, customer_id)
),
totals as (
  select
    business_month, currency,
    count(*) filter (where has_share) as customers,
    coalesce(sum(net) filter (where has_share), 0) as customer_net,
    coalesce(sum(net) filter (where not has_share), 0) as other_net,
    sum(net) filter (where has_share and place <= 1) as largest_1,
    sum(net) filter (where has_share and place <= 5) as largest_5,
    sum(net) filter (where has_share and place <= 10) as largest_10,
    -- Those before the one who reaches 80 percent, and that one.
    count(*) filter (where has_share and (net_so_far - net) * 5 < net_of_all * 4) as reaching,
    sum(net * net) filter (where has_share) as squares
  from ranked
  group by business_month, currency
)
select
  business_month, currency,
  customers,
  customer_net,
  other_net,
  round(largest_1 / nullif(customer_net, 0), 4) as top_1,
  round(largest_5 / nullif(customer_net, 0), 4) as top_5,
  round(largest_10 / nullif(customer_net, 0), 4) as top_10,
  case when customers > 0 then reaching end as pareto_customers,
  round(reaching::numeric / nullif(customers, 0), 4) as pareto_share,
  round(10000 * squares / nullif(customer_net * customer_net, 0), 2) as hhi
from totals
