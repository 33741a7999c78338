"""A realistic fleet as plain data, and the way it gets into the simulated AWS."""
