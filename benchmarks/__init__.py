"""What a user can rerun: the service's and training's speed beside the alternatives."""
