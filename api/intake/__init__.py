"""From the socket to storage: the form's bytes, received, bounded, hashed and stored while they come."""
