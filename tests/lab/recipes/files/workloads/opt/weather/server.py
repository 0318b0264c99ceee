#!/usr/bin/python3
"""Tells the temperature in the garden to whoever asks on port 8090."""

import http.server
import socket


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        answer = b"21.5\n"
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6  # and IPv4: the kernel maps it


Server(("::", 8090), Handler).serve_forever()
