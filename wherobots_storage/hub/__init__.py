"""A JupyterHub service that holds the deployment's keys, and vends each user's own sessions."""
