-- How old is what customers owe?
-- One row for each customer and currency, largest first: what is open by how many days it is overdue at as_of, and what has no
-- due date, so that its age is not known. customer_name is sealed: `--open` shows it to whoever may.
-- parameter as_of Date = today: overdue days are counted up to this day
WITH aged AS
(
    SELECT abas_customer_id, currency, toInt128(open_minor) AS open, dateDiff('day', due_on, {as_of:Date}) AS days
    FROM rpt_open_items_now
    WHERE is_open
)
SELECT
    abas_customer_id,
    any(customer_name) AS customer_name,
    sum(open) AS open_minor,
    sumIf(open, days <= 0) AS not_yet_due_minor,
    sumIf(open, days BETWEEN 1 AND 30) AS overdue_1_to_30_minor,
    sumIf(open, days BETWEEN 31 AND 60) AS overdue_31_to_60_minor,
    sumIf(open, days BETWEEN 61 AND 90) AS overdue_61_to_90_minor,
    sumIf(open, days > 90) AS overdue_over_90_minor,
    sumIf(open, isNull(days)) AS due_date_unknown_minor,
    toString(currency) AS currency,
    max(days) AS oldest_days
FROM aged
LEFT JOIN
(
    SELECT abas_customer_id, argMax(name, (occurred_at, source_offset)) AS customer_name
    FROM fct_erp_customers FINAL
    GROUP BY abas_customer_id
) AS named ON named.abas_customer_id = aged.abas_customer_id
GROUP BY abas_customer_id, currency
ORDER BY open_minor DESC, abas_customer_id, currency
