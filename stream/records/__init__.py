"""Decisions and alerts as Avro records, written by kernels."""
