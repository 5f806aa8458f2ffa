-- Which cards stand under more than one vault customer?
-- One row for each card and customer. By fingerprint it is surely one card, where the gateway gives one; by last four and expiry it may
-- be, and may be two. A removed card is not among them.
SELECT
    if(card_fingerprint != '', 'fingerprint', 'last four and expiry') AS same_by,
    card_brand AS brand,
    card_last_four AS last_four,
    card_expires_on AS expires_on,
    data_subject,
    abas_customer_id,
    customer_count
FROM
(
    SELECT
        *,
        count() OVER (PARTITION BY if(card_fingerprint != '', card_fingerprint, concat(card_last_four, '/', toString(card_expires_on)))) AS customer_count
    FROM rpt_payment_methods_now
    WHERE method = 'CARD' AND (card_fingerprint != '' OR (card_last_four != '' AND isNotNull(card_expires_on)))
) AS method
LEFT JOIN (SELECT data_subject, abas_customer_id FROM rpt_customer_links_now WHERE status IN ('linked', 'contested')) AS link
    ON link.data_subject = method.data_subject
WHERE customer_count > 1
ORDER BY same_by, last_four, expires_on, card_fingerprint, data_subject
