"""The same job on a real Kafka by several programs, each in a process of its own."""
