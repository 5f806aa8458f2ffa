-- Which customers, orders and other records was the ERP asked to hold, and what became of them?
-- One row for each record of any kind, those that a person looks at first: refused, waiting for the ERP (or parked: see
-- `saldo dlq list`), saved. `code`, `message` and `field_name` are the ERP's words where it refused what it was asked last.
-- parameter state String = all: refused, waiting or saved; empty for all
-- parameter kind String = all: a kind of schemas/documents; empty for all
-- period asked_at: when it was asked for first
SELECT state, kind, natural_key, subject, erp_number, code, message, field_name, asked_at
FROM rpt_records_now
WHERE ({state:String} = '' OR state = {state:String}) AND ({kind:String} = '' OR kind = {kind:String})
ORDER BY indexOf(['refused', 'waiting', 'saved'], state), asked_at DESC, kind, natural_key
