"""Between bytes and samples: sound files decoded in a confined child, and written."""
