"""textladder: every rung of deep learning for text, trained and compared on your own data."""

__version__ = "0.1.0"
