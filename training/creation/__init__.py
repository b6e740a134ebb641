"""The steps from a folder of pictures to a model that the service reads."""
