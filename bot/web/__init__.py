"""The HTTP side: health and metrics and, in HTTP mode, the door that only Slack's signature opens."""
