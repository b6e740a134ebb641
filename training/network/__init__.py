"""The network and its objective."""
