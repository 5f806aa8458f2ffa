"""The edge towards abas ERP: reads open items and customers, posts cash receipts and their reversals."""
