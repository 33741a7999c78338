"""The Slack side: takes what Slack sends, answers it, and never makes Slack wait.

`bot.create_slack_bot` is the door. A request goes `listeners` (ack) → `pool` → `answering` (who asks, what the desk
says) → `delivery` (where the answer goes).
"""
