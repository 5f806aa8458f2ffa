"""One door to ClickHouse, its tables' migrations, and what a reader's SQL may do."""
