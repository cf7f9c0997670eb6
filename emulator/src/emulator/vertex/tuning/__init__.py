"""Hyperparameter tuning: jobs that try a training with several arguments, each trial a custom job."""
