"""Takes full parts of the book out into files that can be judged by their seals, and brings them back."""
