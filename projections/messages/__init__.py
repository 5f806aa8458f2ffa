"""Messages of Kafka as the projector reads them."""
