SELECT throwIf(count() != 4, 'matches, suggestions, decisions or write-offs are not there')
FROM system.tables
WHERE database = currentDatabase() AND name IN ('fct_matches', 'fct_suggestions', 'fct_decisions', 'fct_write_offs')
