-- What does abas itself show on each account that our documents name, and what explains the difference?
-- One row for each account and currency, a debit above zero, as of the last read of abas. shown is what stood there before
-- us (opening), plus our documents (posted) without those that came after the read (since), plus what is on its way, what
-- others post there, and unexplained, which must be 0. Only on an account that nobody else posts on is a difference
-- unexplained. status: equal, in flight, others, unexplained, not shown (abas names no balance of it).
SELECT
    currency, account, arrayStringConcat(roles, ', ') AS role, status, shown_at, shown_minor, opening_minor, posted_minor,
    since_minor, in_flight_minor, others_minor, unexplained_minor
FROM rpt_account_balances
ORDER BY currency, account
