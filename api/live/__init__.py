"""What is told while it happens: who waits for news of clones, and how those reach them."""
