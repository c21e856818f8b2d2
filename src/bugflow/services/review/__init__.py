"""What people are asked to look at: which bugs, in which order, and what their words change for others."""
