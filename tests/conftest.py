"""How hypothesis looks for counterexamples.

The time an example takes says something of the machine, and nothing of patchbot. Examples are the same in each run, so
that a red run is red for its change; CONTRIBUTING.md says how to look for new ones.
"""

from hypothesis import HealthCheck, settings

settings.register_profile("explore", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same", settings.get_profile("explore"), derandomize=True)
settings.load_profile("same")
