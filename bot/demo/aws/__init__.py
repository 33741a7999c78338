"""A simulated AWS: moto, extended by the Systems Manager operations it lacks, with faults on demand.

Start it with `bot.demo.aws.server.SimulatedAws`.
"""
