-- What waits for a person, and how much of it?
-- One row for each kind and currency, the kinds are the files of projections/tables/rpt_needs/kinds. No row means that nobody is needed. item_count counts payments, bank lines or records.
SELECT kind, currency, item_count, amount_minor, oldest_since
FROM rpt_needs
ORDER BY place, currency
