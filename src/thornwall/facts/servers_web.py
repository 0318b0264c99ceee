"""Web servers: where they answer, whether with TLS, and whether they do more than send visitors on to https."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from thornwall.model.capture import Capture
from thornwall.model.fact import ABSENT, Fact, Known, Unknown
from thornwall.model.servers import Config, Directive, Site

_TOKEN = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|#[^\n]*|[{};]|\n|(?:\\.|\$\{[^}\n]*\}|[^\s{};\"'#])+")


@dataclass(slots=True)
class Block:
    """A directive of nginx with its arguments, and what stands in its braces."""

    name: str
    arguments: list[str]
    path: str
    line: int
    inner: list[Block] = field(default_factory=list)

    @property
    def text(self) -> str:
        """As it would be written."""
        return " ".join([self.name, *self.arguments])

    def all(self, name: str) -> list[Block]:
        """The directives of that name right inside."""
        return [each for each in self.inner if each.name == name]


def nginx(capture: Capture) -> tuple[Fact[tuple[Site, ...]], Fact[Config]]:
    """Where nginx answers, and the settings that matter elsewhere (autoindex, server_tokens)."""
    path = "/etc/nginx/nginx.conf"
    missing: list[str] = []
    match capture.read(path):
        case Known(text):
            blocks = _nginx_file(capture, path, text, missing, 0)
        case other:
            return other, other
    servers = [server for block in blocks if block.name == "http" for server in block.all("server")]
    directives = tuple(
        Directive(each.name, " ".join(each.arguments), each.path, each.line)
        for each in _everything(blocks)
        if each.name in {"autoindex", "server_tokens", "fastcgi_pass", "dav_methods"}
    )
    if missing:
        unread = Unknown(f"{missing[0]}, which nginx includes, was not read")
        return unread, Known(Config(path, directives))
    return Known(tuple(site for server in servers for site in _nginx_sites(server))), Known(Config(path, directives))


def _everything(blocks: list[Block]) -> Iterator[Block]:
    for block in blocks:
        yield block
        yield from _everything(block.inner)


def _nginx_file(capture: Capture, path: str, text: str, missing: list[str], depth: int) -> list[Block]:
    """The blocks of a file, includes put in their place."""
    stack: list[list[Block]] = [[]]
    words: list[str] = []
    line = begun = 1
    for match in _TOKEN.finditer(text):
        word = match[0]
        if word == "\n":
            line += 1
        elif word.startswith("#"):
            continue
        elif word in {";", "{"}:
            if words and words[0] == "include" and word == ";":
                stack[-1] += _included(capture, words[1:2], missing, depth)
            elif words:
                block = Block(words[0], words[1:], path, begun)
                stack[-1].append(block)
                if word == "{" and len(stack) < 32:
                    stack.append(block.inner)
            words = []
        elif word == "}":
            words = []
            if len(stack) > 1:
                stack.pop()
        else:
            begun = begun if words else line
            words.append(word.strip("\"'"))
            line += word.count("\n")
    return stack[0]


def _included(capture: Capture, patterns: list[str], missing: list[str], depth: int) -> list[Block]:
    found: list[Block] = []
    for given in patterns if depth < 8 else ():
        pattern = posixpath.normpath(posixpath.join("/etc/nginx", given))
        matching = [path for path, _ in capture.glob(pattern)]
        harmless = re.search(r"/modules-enabled/|mime\.types$|_params$|\.conf$.*/snippets/|fastcgi", pattern)
        if not matching and not re.search(r"[*?\[]", pattern) and not harmless:
            missing.append(pattern)
        for each in matching:
            match capture.read(each):
                case Known(text):
                    found += _nginx_file(capture, each, text, missing, depth + 1)
                case _:
                    missing.append(each)
    return found


def _nginx_sites(server: Block) -> Iterator[Site]:
    listens = server.all("listen") or [Block("listen", ["80"], server.path, server.line)]
    always = any(each.arguments[:1] == ["on"] for each in server.all("ssl"))
    redirects = _sends_on(server)
    for each in listens:
        if not each.arguments or each.arguments[0].startswith("unix:"):
            continue
        address, port = endpoint(each.arguments[0], 80)
        tls = always or "ssl" in each.arguments[1:] or "quic" in each.arguments[1:]
        yield Site("nginx", address, port, tls, redirects, each.path, each.line, each.text)


def _sends_on(server: Block) -> bool:
    """Whether every answer is a redirect to https, a refusal, or an answer to a certificate authority."""
    if _returns(server):
        return True
    locations = server.all("location")
    others = [each for each in locations if "/.well-known/" not in " ".join(each.arguments)]
    if any("https://" in " ".join(each.arguments) for each in server.all("rewrite")):
        return True
    root = any(each.arguments[-1:] == ["/"] for each in others)
    return root and all(_returns(each) for each in others)


def _returns(block: Block) -> bool:
    for each in block.all("return"):
        code, target = each.arguments[:1], " ".join(each.arguments[1:])
        if code and ((code[0].startswith("3") and target.startswith("https://")) or code[0][:1] in {"4", "5"}):
            return True
        if code and code[0].startswith("https://"):
            return True
    return False


def endpoint(text: str, port: int) -> tuple[str, int]:
    """`80`, `*:80`, `[::]:80`, `127.0.0.1:8080`, `localhost`: address (empty for all) and port."""
    if text.isascii() and text.isdigit():
        return "", int(text[:6])
    host, sign, tail = text.rpartition(":")
    if sign and tail.isascii() and tail.isdigit() and not (":" in host and not host.endswith("]")):
        port = int(tail[:6])
    else:
        host = text
    host = host.strip("[]")
    return ("" if host in {"", "*", "0.0.0.0", "::"} else host), port  # noqa: S104 - compared with, not bound to


def apache(capture: Capture) -> tuple[Fact[tuple[Site, ...]], Fact[Config]]:
    """Where Apache answers: its `Listen` lines, and the virtual hosts on them."""
    base = "/etc/apache2" if "/etc/apache2/apache2.conf" in capture.files else "/etc/httpd/conf"
    main = f"{base}/apache2.conf" if base == "/etc/apache2" else f"{base}/httpd.conf"
    if main not in capture.files:
        return ABSENT, ABSENT
    patterns = ("/etc/apache2/ports.conf", "/etc/apache2/conf-enabled/*.conf", "/etc/apache2/sites-enabled/*.conf")
    paths = [main, *(path for pattern in (*patterns, "/etc/httpd/conf.d/*.conf") for path, _ in capture.glob(pattern))]
    directives: list[Directive] = []
    for path in paths:
        match capture.read(path):
            case Known(text):
                directives += _apache_file(text, path)
            case Unknown() as unknown:
                return unknown, unknown
            case _:
                continue
    return Known(tuple(_apache_sites(directives))), Known(Config(main, tuple(directives)))


def _apache_file(text: str, path: str) -> Iterator[Directive]:
    """Directives with the virtual host they stand in; `section` is `path:line address` of that, or empty."""
    host = ""
    modules: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        lowered = stripped.lower()
        if lowered.startswith("<virtualhost"):
            host = f"{path}:{number} {stripped[12:].strip(' >')}"
            yield Directive("<virtualhost", stripped[12:].strip(" >"), path, number, host)
        elif lowered.startswith("</virtualhost"):
            host = ""
        elif lowered.startswith("<ifmodule"):
            modules.append(lowered[9:].strip(" >"))
        elif lowered.startswith("</ifmodule") and modules:
            modules.pop()
        elif stripped and not stripped.startswith(("#", "<")):
            name, _, value = stripped.replace("\t", " ").partition(" ")
            tls = any("ssl" in each or "gnutls" in each for each in modules)
            section = host or ("ssl" if tls else "")
            yield Directive(name.lower(), value.strip().strip('"'), path, number, section)


def _apache_sites(directives: list[Directive]) -> Iterator[Site]:
    hosts: dict[str, list[Directive]] = {}
    for each in directives:
        if " " in each.section:
            hosts.setdefault(each.section, []).append(each)
    for listen in directives:
        if listen.name != "listen" or listen.section == "ssl":
            continue
        address, port = endpoint(listen.value.split()[0] if listen.value else "80", 80)
        serving = [host for host in hosts.values() if _serves(host, port)]
        plain = [host for host in serving if not _has(host, "sslengine", "on")]
        if listen.value.lower().endswith(" https") or (serving and not plain):
            yield Site("apache2", address, port, True, False, listen.path, listen.line, f"Listen {listen.value}")
        elif serving:
            for host in plain:
                head = host[0]
                text = f"<VirtualHost {head.value}>"
                yield Site("apache2", address, port, False, _apache_sends_on(host), head.path, head.line, text)
        else:
            yield Site("apache2", address, port, False, False, listen.path, listen.line, f"Listen {listen.value}")


def _serves(host: list[Directive], port: int) -> bool:
    return any(endpoint(word, port)[1] in {port, 0} for word in host[0].value.split() or ["*"])


def _has(host: list[Directive], name: str, value: str) -> bool:
    return any(each.name == name and each.value.lower() == value for each in host)


def _apache_sends_on(host: list[Directive]) -> bool:
    for each in host:
        words = each.value.split()
        if each.name in {"redirect", "redirectpermanent"} and "/" in words[:2] and "https://" in each.value:
            return True
        if each.name == "redirectmatch" and "https://" in each.value:
            return True
        if each.name == "rewriterule" and len(words) > 1 and words[1].startswith("https://"):
            return True
    return False


def lighttpd(capture: Capture) -> tuple[Fact[tuple[Site, ...]], Fact[Config]]:
    """Where lighttpd answers. It is one server with one port; TLS sockets are conditions of their own."""
    main = "/etc/lighttpd/lighttpd.conf"
    match capture.read(main):
        case Known(text):
            found = [*_lighttpd_file(text, main)]
        case other:
            return other, other
    for path, record in capture.glob("/etc/lighttpd/conf-enabled/*.conf"):
        match record:
            case Known(each):
                found += _lighttpd_file(each.text, path)
            case _:
                continue
    config = Config(main, tuple(found))
    port = config.last("server.port")
    bind = config.value("server.bind").strip('"')
    address, number = endpoint(bind, 80)[0] if bind else "", 80
    if port is not None and port.value.isascii() and port.value.isdigit():
        number = int(port.value[:6])
    tls = any(each.name == "ssl.engine" and "enable" in each.value and not each.section for each in found)
    redirects = any(each.name == "url.redirect" and "https://" in each.value for each in found)
    line, where, text = (port.line, port.path, f"server.port = {port.value}") if port else (1, main, "server.port = 80")
    return Known((Site("lighttpd", address, number, tls, redirects, where, line, text),)), Known(config)


def _lighttpd_file(text: str, path: str) -> Iterator[Directive]:
    depth = 0
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.split("#", 1)[0].strip() if not line.strip().startswith("#") else ""
        depth += stripped.count("{")
        name, sign, value = stripped.partition("=")
        if sign and not name.strip().startswith("$"):
            yield Directive(
                name.strip().rstrip("+:").lower(), value.strip().strip('"'), path, number, "x" * bool(depth)
            )
        depth = max(0, depth - stripped.count("}"))


def caddy(capture: Capture) -> tuple[Fact[tuple[Site, ...]], Fact[Config]]:
    """Where Caddy answers: a site without TLS is one that says `http://`, or names only a port that is not 443."""
    path = "/etc/caddy/Caddyfile"
    match capture.read(path):
        case Known(text):
            pass
        case other:
            return other, other
    sites: list[Site] = []
    depth, heads, body = 0, list[tuple[str, int]](), list[str]()
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.split(" #", 1)[0].strip()
        if not stripped or stripped.startswith("#"):
            continue
        if depth == 0 and stripped.endswith("{") and not stripped.startswith(("{", "(")):
            heads, body = [(word, number) for word in stripped[:-1].replace(",", " ").split()], []
        elif depth:
            body.append(stripped)
        depth = max(0, depth + stripped.count("{") - stripped.count("}"))
        if depth == 0 and heads:
            redirects = any(each.startswith("redir ") and "https://" in each for each in body)
            sites += [_caddy_site(head, redirects, path, at) for head, at in heads]
            heads = []
    return Known(tuple(sites)), Known(Config(path))


def _caddy_site(head: str, redirects: bool, path: str, line: int) -> Site:
    bare = head.removeprefix("http://").removeprefix("https://").partition("/")[0]
    host, port = endpoint(bare, 80 if head.startswith("http://") else 443)
    plain = head.startswith("http://") or (head.startswith(":") and port != 443)
    address = host if host in {"localhost", "::1"} or host.startswith("127.") else ""
    return Site("caddy", address, port, not plain, redirects, path, line, head)
