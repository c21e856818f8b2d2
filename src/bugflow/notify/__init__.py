"""Ways to tell people outside: addresses, messages, and what carries them."""
