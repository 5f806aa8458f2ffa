"""WooCommerce over REST v3 and its webhooks, as a shop of connectors/shop."""
