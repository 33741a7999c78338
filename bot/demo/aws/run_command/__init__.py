"""Run Command of the simulated AWS: commands that take their time, fail as told, and change patch states."""
