-- Which vault customer is which customer of abas?
-- One row for each vault customer: those that wait for a person and contested links first. Evidence names what agrees (email, name,
-- place, number, recorded; created where abas was asked to create it), of a waiting one for each customer of abas that something speaks for.
-- A person decides by `saldo decide link-customer`, `create-customer`, `leave-customer` and `unlink-customer`.
-- parameter customer String = all: only those of this customer of abas; empty for all
SELECT
    data_subject,
    status,
    abas_customer_id,
    replaceAll(lower(why), '_', ' ') AS why,
    evidence,
    decided_by,
    reason,
    since
FROM rpt_customer_links_now
WHERE {customer:String} IN ('', abas_customer_id)
ORDER BY indexOf(['contested', 'waiting', 'unknown', 'unlinked', 'being created', 'left', 'linked'], status), data_subject
