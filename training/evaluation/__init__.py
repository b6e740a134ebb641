"""Quality measures of an exported model, and their plots."""
