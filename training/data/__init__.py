"""Data sets: IDX files, MNIST, splits."""
