"""What tasks may ask of the platform they run on: each verb with its arguments and its answer."""
