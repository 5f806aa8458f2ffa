CREATE OR REPLACE VIEW rpt_needs AS
-- One row for each kind of work and currency: how many payments, bank lines or records need a person, and how much money.
-- Each file of kinds/ is one kind; its number is where it stands in the list.
SELECT
    toUInt16(0) AS place,
    '' AS kind,
    '' AS currency,
    toUInt64(0) AS item_count,
    toInt128(0) AS amount_minor,
    toDateTime64(0, 3, 'UTC') AS oldest_since
WHERE false
