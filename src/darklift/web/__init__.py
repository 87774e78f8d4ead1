"""``darklift web``: the page, and the HTTP API behind it. Needs the extra ``web``.

Modules, from the request to the pixels:

==================  ===================================================================================================
:mod:`.serving`     the process: port, signals, log
:mod:`.app`         which address leads where
:mod:`.gate`        what every request passes: host, origin, token, headers, log, metrics
:mod:`.uploads`     a request's photo, read into memory as it arrives
:mod:`.fields`      a request's choices, by the names of the command line
:mod:`.routes`      what each address does
:mod:`.desk`        who is served next, by how many threads, for how long
:mod:`.shelf`       what is held between requests, in how much memory, for how long
:mod:`.work`        bytes to bytes: what a thread does with a photo
:mod:`.photo`       what is held of a photo that a page looks at
:mod:`.export`      the page as a folder that needs no server
==================  ===================================================================================================
"""

__all__: list[str] = []
