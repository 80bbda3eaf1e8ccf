"""Dataset distillation into a conditional generator."""

__version__ = "0.1.0"
