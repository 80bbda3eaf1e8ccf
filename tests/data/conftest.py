"""Fixtures of tiny sets, resident and streamed."""

from tiny_inputs import *  # noqa: F403
