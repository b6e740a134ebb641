"""Tests of the steps from a folder of pictures to a model."""
