"""Exchange rates from the outside: the reference rates of the ECB, and one provider of JSON by profile."""
