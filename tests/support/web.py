"""A web server in a thread, with the faults that servers have."""

import re
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Web:
    """Serves ``files`` by path; what the attributes say goes wrong."""

    def __init__(self):
        self.files = {}
        self.asked = []  # the Range header of every request
        self.cut = []  # bytes after which the next answers end, one an answer
        self.statuses = []  # HTTP errors that the next answers are
        self.ranges = True
        self.etag = '"1"'
        self.kind = "application/octet-stream"
        self.lead = {}  # path to the address it sends on to
        self.endless = False  # answers have no length, and no end
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def url(self, name):
        return f"http://127.0.0.1:{self.server.server_port}/{name}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def _handler(web):  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *arguments):
                pass

            def do_GET(self):
                asked = self.headers.get("Range")
                web.asked.append(asked)
                data = web.files.get(self.path.strip("/"))
                if self.path.strip("/") in web.lead:
                    self.send_response(302)
                    self.send_header("Location", web.lead[self.path.strip("/")])
                    self.end_headers()
                    return
                if web.endless:
                    self.send_response(200)
                    self.end_headers()
                    with suppress(OSError):
                        while web.endless:
                            self.wfile.write(data)
                    return
                if web.statuses or data is None:
                    self.send_error(web.statuses.pop(0) if web.statuses else 404)
                    return
                start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked else 0
                if not web.ranges or self.headers.get("If-Range", web.etag) != web.etag:
                    start = 0
                beyond = start >= len(data) > 0
                self.send_response(416 if beyond else 206 if start else 200)
                if start:
                    span = "*" if beyond else f"{start}-{len(data) - 1}"
                    self.send_header("Content-Range", f"bytes {span}/{len(data)}")
                if web.etag:
                    self.send_header("ETag", web.etag)
                self.send_header("Content-Type", web.kind)
                self.send_header("Content-Length", str(max(0, len(data) - start)))
                self.end_headers()
                sent = data[start:]
                self.wfile.write(sent[: web.cut.pop(0)] if web.cut else sent)

        return Handler
