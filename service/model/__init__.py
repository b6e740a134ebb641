"""The autoencoder behind a protocol, and what one does in its latent space. Knows no HTTP and no image formats."""
