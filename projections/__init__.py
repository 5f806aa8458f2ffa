"""The read side: every topic becomes rows in ClickHouse, and every question a SQL file over them."""
