-- What can vault customers be charged by, and what changed of it?
-- One row for each change, the newest first: added, changed or removed, with what was there before. Of a bank account it is known that it
-- is there, and no more.
-- parameter vault_customer String = all: paytrace/<merchant>/<id>; empty for all
-- period changed_at: when PayTrace showed the change
SELECT
    occurred_at AS changed_at,
    data_subject,
    lower(toString(method)) AS method,
    lower(toString(change)) AS change,
    toString(card_brand) AS brand,
    card_last_four AS last_four,
    card_expires_on AS expires_on,
    was_last_four,
    was_expires_on
FROM fct_payment_methods FINAL
WHERE {vault_customer:String} IN ('', data_subject)
ORDER BY changed_at DESC, data_subject, method
