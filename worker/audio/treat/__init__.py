"""What is done to the chosen stretches, and the recipe that does it again."""
