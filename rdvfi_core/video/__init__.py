"""Video files in and out, frame by frame: memory does not grow with their length."""
