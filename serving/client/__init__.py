"""Clients without TensorFlow; :mod:`serving.aio` has the one for asyncio.

- ``client``: the blocking client
- ``request_flows``: what both clients send and return
- ``model_calls``: calls about one model, which the flows are made of
- ``signature_contract``: names and outputs of the signatures of exported models
- ``text_requests``: texts and options to tensors
- ``prediction_responses``: tensors to predictions and scores
- ``metadata_responses``: signatures, versions and their states
- ``values``: what the methods of clients return
- ``connection``: retries, sizes, pings; ``certificates``: TLS; ``proxies``: of HTTP
- ``traffic``: requests at a given rate, and their latencies
"""
