"""Page for people: plain HTML, CSS and ES modules over the REST API.

- ``index.html``, ``style.css``, ``icon.svg``: what there is to see
- ``main.js``: which view is shown, and whether the server answers
- ``api.js``: requests to the server, their refusals as errors
- ``signatures.js``: what a model can be asked, by its metadata
- ``offsets.js``: bytes of a text as places in a string; the largest weight of a token
- ``playground.js``: answers as one types, n-best lists, controls
- ``alignment.js``, ``heatmap.js``: which part of the text a token looked at
- ``plain.js``: any other signature, asked by its inputs
- ``monitor.js``, ``prometheus.js``: models, versions, rates, latencies, batches
- ``reference.js``: the OpenAPI document
- ``elements.js``: elements of the document, whose content is always text
"""

from __future__ import annotations

from importlib import resources

from serving.server.rest.responses import HttpResponse

_TYPES = {
    "html": "text/html",
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; "
    "style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def files() -> dict[str, HttpResponse]:
    """Each file of the page by its path; ``/`` is the page itself."""
    found = {}
    for file in resources.files(__package__).iterdir():
        kind = _TYPES.get(file.name.rpartition(".")[2])
        if kind is not None:
            text = file.read_text(encoding="utf-8")
            response = HttpResponse(200, text, kind, _HEADERS)
            found["/" if file.name == "index.html" else f"/ui/{file.name}"] = response
    return found
