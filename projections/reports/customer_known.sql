-- Does abas know this customer?
-- One row with what abas showed of it: open items, and references (invoice, order, vault customer) that name it.
-- parameter abas_customer_id String: customer number in abas
SELECT
    countIf(record_type = 'OpenItemRecorded') AS open_item_records,
    countIf(record_type = 'ReferenceLearned') AS reference_records,
    max(recorded_at) AS last_shown_at
FROM fct_records FINAL
WHERE abas_customer_id = {abas_customer_id:String} AND record_type IN ('OpenItemRecorded', 'ReferenceLearned')
