"""A local Slack: the parts of Slack that the app touches, on loopback, stricter than the real one.

`LocalSlack` is the door. `live.py` holds what is true now, `methods/` answers the Web API,
`interactions.py` carries what people do to the app, and `page_api.py` serves the page.
"""

from bot.demo.slack.server import LocalSlack

__all__ = ["LocalSlack"]
