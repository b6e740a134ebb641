"""Training: recipe, optimisers, gradients and the loop."""
