"""Why a payment was alerted: which features raised its score, and what would have kept it away."""
