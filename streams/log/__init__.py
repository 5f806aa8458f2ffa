"""The one door to Kafka: records are built, written and read here and nowhere else (docs/adr/0050).

`records` is what is read, `outbound` what is written (the only place where a record gets key, partition, headers, size
check, guard and signature), `ports` what writers, readers and tasks need of a log, `kafka` and `memory` its two twins.
No exception of the Kafka client leaves this room: what it means is said in schemas.failures. Nothing here knows of
payments.
"""
