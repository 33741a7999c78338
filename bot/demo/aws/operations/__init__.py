"""The operations that moto lacks: one file per family of the Systems Manager API.

A module lists its functions in `OPERATIONS`; each is named as moto names a response method
(`describe_instance_patch_states`) and turns (region, parameters) into the answer's members.
A new file here is found by `bot.demo.aws.installation` and needs no edit elsewhere.
"""
