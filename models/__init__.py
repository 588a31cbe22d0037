"""The learners: numbers in, numbers out."""
