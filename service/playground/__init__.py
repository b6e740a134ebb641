"""The playground: a page that shows what the model does."""
