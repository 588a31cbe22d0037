"""The live features without a stream: recorded payments, files and frames."""
