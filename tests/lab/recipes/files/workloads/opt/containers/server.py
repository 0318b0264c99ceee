#!/usr/bin/python3
"""What runs in the container: GET / says hello; GET /out/ADDRESS/PORT tells whether it can connect to there."""

import http.server
import socket


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        answer = b"hello from the container\n"
        if self.path.startswith("/out/"):
            _, _, address, port = self.path.split("/")
            try:
                socket.create_connection((address, int(port)), 2).close()
            except OSError as error:
                answer = f"{error}\n".encode()
            else:
                answer = b"connected\n"
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


http.server.ThreadingHTTPServer(("172.17.0.2", 80), Handler).serve_forever()
