"""REST edge of the server: TF Serving's REST API over the same models.

What cannot be read or written is a Refusal with TF Serving's message.

- ``server.py``: the HTTP server (aiohttp), its port and its end
- ``http.py``: which path is answered by what, and what is refused at the door
- ``body_limits.py``: bodies, received within limits of size and time
- ``routes.py``: paths: model, version, verb
- ``api.py``: a request's body to its message, a response to its text
- ``json_parsing.py``: bodies parsed as JSON
- ``predict_inputs.py``, ``examples.py``: what predict, classify and regress take
- ``json_tensors.py``: tensors of JSON values
- ``predict_outputs.py``, ``status_and_metadata.py``: results and messages as JSON
- ``responses.py``: statuses of HTTP
- ``openapi.py``: the document that describes all paths
- ``signature_schemas.py``: what signatures take and return, as JSON Schemas
- ``page/``: the page for people (``--ui``), a client of this API like any other
"""
