"""The only rooms that import confluent_kafka."""
