"""What a recording is like: meters over a stream, the moments they leave, and what is judged of them."""
