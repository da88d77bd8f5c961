"""TF Serving's REST API, beside gRPC, over the same models.

Without HTTP it is ``api``; ``http`` and ``server`` need aiohttp.
"""
