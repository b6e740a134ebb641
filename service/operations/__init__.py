"""What the service does with images and latents. Knows no HTTP."""
