"""What is remembered of a run: records in SQL, weights as blobs, and the folder that holds both."""
