"""What each paper claims, what we measured, and the map of all of them."""
