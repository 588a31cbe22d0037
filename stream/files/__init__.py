"""Files as streams of transactions: every row becomes the bytes a producer would have sent."""
