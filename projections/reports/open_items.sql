-- What do customers still owe, and what is on its way for it?
-- One row for each open item as abas last showed it, oldest due date first, unknown ones last; in_progress is money asked of abas for it.
-- `overdue_days` is empty where abas states no due date: how long it is overdue is not known, and 0 would say "not yet".
-- parameter today Date = today: overdue days are counted up to this day
-- period due_on: due date
WITH in_progress AS
(
    SELECT abas_open_item_id, sum(toInt128(signed_minor)) AS in_progress_minor
    FROM rpt_entries_now
    WHERE record_type IN ('PaymentMatched', 'PostingRequested')
    GROUP BY abas_open_item_id
)
SELECT
    items.abas_customer_id AS abas_customer_id,
    items.invoice_number AS invoice_number,
    items.abas_open_item_id AS abas_open_item_id,
    items.due_on AS due_on,
    if(isNull(items.due_on), NULL, greatest(0, dateDiff('day', items.due_on, {today:Date}))) AS overdue_days,
    items.amount_minor AS amount_minor,
    items.open_minor AS open_minor,
    in_progress.in_progress_minor AS in_progress_minor,
    items.currency AS currency,
    items.occurred_at AS recorded_at
FROM rpt_open_items_now AS items
LEFT JOIN in_progress ON in_progress.abas_open_item_id = items.abas_open_item_id
WHERE items.is_open
ORDER BY due_on NULLS LAST, abas_customer_id, invoice_number
