-- Which stored cards run out before they are charged again, or soon?
-- One row for each card of the vault that has expired, expires within 60 days, or expires before a charge that is due; the most
-- urgent first. The next charge is the earliest that an active schedule of PayTrace shows for the customer; none is known of other charges.
-- parameter today Date = today: days are counted from this day
SELECT
    method.data_subject AS data_subject,
    abas_customer_id,
    method.card_brand AS brand,
    method.card_last_four AS last_four,
    assumeNotNull(method.card_expires_on) AS expires_on,
    dateDiff('day', {today:Date}, assumeNotNull(method.card_expires_on)) AS days_left,
    multiIf(days_left < 0, 'expired', charge.next_on > expires_on, 'before the next charge', 'soon') AS urgency,
    charge.next_on AS next_charge_on
FROM rpt_payment_methods_now AS method
LEFT JOIN
(
    SELECT data_subject, min(due_on) AS next_on
    FROM
    (
        SELECT
            concat('paytrace/', JSONExtractString(body, 'merchant'), '/', JSONExtractString(body, 'vault_customer_id')) AS data_subject,
            JSONExtractString(body, 'status') AS status,
            toDateOrNull(JSONExtractString(body, 'next_on')) AS due_on
        FROM fct_records FINAL
        WHERE record_type = 'RecurrenceObserved'
        ORDER BY source_offset DESC
        LIMIT 1 BY data_subject, JSONExtractString(body, 'recurrence_id')
    )
    WHERE status = 'ACTIVE' AND due_on >= {today:Date}
    GROUP BY data_subject
) AS charge ON charge.data_subject = method.data_subject
LEFT JOIN (SELECT data_subject, abas_customer_id FROM rpt_customer_links_now WHERE status IN ('linked', 'contested')) AS link
    ON link.data_subject = method.data_subject
WHERE isNotNull(method.card_expires_on) AND (days_left <= 60 OR charge.next_on > method.card_expires_on)
ORDER BY indexOf(['expired', 'before the next charge', 'soon'], urgency), expires_on, data_subject
