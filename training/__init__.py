"""Makes the model, offline: trains the variational autoencoder, measures it and exports it to ONNX."""
