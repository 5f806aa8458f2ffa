-- Vault customers whose charges a code stops.
SELECT 'charges held', '', uniqExact(vault_customer_id), 0, toDateTime64(min(recorded_at), 3, 'UTC')
FROM rpt_charge_holds_now
WHERE isNull(most_entries)
HAVING count() > 0
