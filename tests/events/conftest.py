"""These tests run a Jupyter server in their process."""

from support.jupyter_fixtures import *  # noqa: F403
