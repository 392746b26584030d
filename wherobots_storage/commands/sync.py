"""Bring the home into the bucket.

Beside a running agent (a JupyterLab of this home), it is the agent that is asked; otherwise one
cycle is run here. --final asks for the final sync of a stop: the hook before an instance is
destroyed is `wherobots-storage sync --final --timeout none`.
"""
