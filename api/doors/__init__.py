"""The shapes of requests we accept, one file a door. A door parses and renders; it never touches a table."""
