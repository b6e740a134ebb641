"""Training: recipe, optimizers, gradients and the loop."""
