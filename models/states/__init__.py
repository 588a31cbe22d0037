"""What a learner is at one moment, its bytes, and the questions to it before it is taken."""
