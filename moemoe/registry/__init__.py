"""The only room that knows mlflow."""
