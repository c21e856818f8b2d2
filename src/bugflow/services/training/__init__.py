"""What a retraining learns from, and what each of its steps does."""
