"""Web servers and web interfaces: encryption, what they show of themselves, and what no program can judge."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from thornwall.model.fact import Known, Unknown
from thornwall.model.finding import (
    Attacker,
    Consequence,
    Effort,
    Evidence,
    FaultClass,
    Fixable,
    Kind,
    Reach,
    References,
)
from thornwall.model.network import is_loopback
from thornwall.model.rule import Context, Preset, Rule, Verdict, fail, manual, not_applicable, passed, rule, unknown
from thornwall.model.servers import Config, Servers, Site
from thornwall.rules.offered import Offer, runs, standing

ENCRYPTION = "Encryption"
configured = partial(rule, subject="servers", kind=Kind.MISCONFIGURATION, reach=Reach.NETWORK)
"""A rule on how a server is configured."""

WEB = {
    "nginx": Offer("nginx", units=("nginx",), programs=("nginx",), ports=("tcp/80", "tcp/443")),
    "apache2": Offer("apache2", units=("apache2", "httpd"), programs=("apache2", "httpd"), ports=("tcp/80", "tcp/443")),
    "lighttpd": Offer("lighttpd", units=("lighttpd",), programs=("lighttpd",), ports=("tcp/80", "tcp/443")),
    "caddy": Offer("caddy", units=("caddy",), programs=("caddy",), ports=("tcp/80", "tcp/443")),
}
_APPLICATIONS = {
    # programs with a web interface of their own: the ports on which they speak http without TLS
    "pihole-FTL": (80,),
    "hass": (8123,),
    "node-red": (1880,),
    "grafana": (3000,),
    "grafana-server": (3000,),
    "transmission-da": (9091,),
    "motion": (8080, 8081),
    "mjpg_streamer": (8080,),
    "ustreamer": (8080,),
    "jellyfin": (8096,),
    "octoprint": (5000,),
    "klipper": (7125,),
    "php": (80, 8000, 8080),
}


def servers(ctx: Context) -> Servers:
    """The fact; ends the rule where it was not read."""
    return ctx.known(ctx.host.servers, absent="there are no servers")


def beyond_loopback(site: Site) -> bool:
    """Whether others can reach where it answers."""
    return site.address != "localhost" and not is_loopback(site.address)


@configured(
    "http-without-tls",
    "A web page is served without encryption",
    fault_class=FaultClass.SERVICE,
    likelihood=2,
    impact=3,
    attacker=Attacker.NEAR,
    consequence=Consequence.DISCLOSURE,
    effort=Effort.HOUR,
    fixable=Fixable.BY_HAND,
    preset=Preset.DOCUMENTS,
    references=References(
        document=(ENCRYPTION,),
        etsi=("5.5-1", "5.5-6"),
        nist=("Data Protection",),
        owasp_iot=("I7",),
        owasp_top10=("A02:2021",),
        cwe=(319,),
    ),
)
def http_without_tls(ctx: Context) -> Iterator[Verdict]:
    """Whether a web server answers with pages over plain http.

    What:
        nginx, Apache, lighttpd, Caddy or a program with a web interface of its own serves pages beyond loopback without
        TLS. A port that only sends visitors on to https, or answers a certificate authority, is fine.
    Why:
        Passwords, pictures and cookies go over the network in the clear, and whoever is on the way can change the page.
    Remedy:
        Get a certificate, serve the page over https with it, and let port 80 only redirect there. Let's Encrypt
        (`certbot`) gives one where the device has a public name; else make your own (`openssl req -x509 …`, or a small
        authority such as step-ca). In nginx, port 80 then says `return 301 https://$host$request_uri;`.
    Risk of the remedy:
        Browsers warn of a certificate that you made yourself until they are told to trust it. Programs that use
        http:// addresses must be changed if they do not follow redirects.
    """
    found = servers(ctx)
    told: dict[str, Verdict] = {}
    looked = False
    for software, sites in found.sites.items():
        stands = standing(ctx, WEB[software])
        if not stands.open:
            continue
        looked = True
        match sites:
            case Known(known):
                plain = [site for site in known if not site.tls and not site.redirects and beyond_loopback(site)]
                for subject, verdict in _plain(ctx, plain, stands.reach):
                    told.setdefault(subject, verdict)
            case Unknown(reason, mend):
                told[software] = unknown(reason, subject=software, mend=mend)
            case _:
                continue
    for subject, verdict in _applications(ctx):
        told.setdefault(subject, verdict)
    yield from told.values()
    if not told and not looked and runs(ctx):
        ctx.known(ctx.host.network, absent="nothing listens")
    if not told:
        yield passed("Web pages go out over TLS alone." if looked else "No web server answers beyond loopback.")


def _plain(ctx: Context, sites: list[Site], reach: Reach | None) -> Iterator[tuple[str, Verdict]]:
    for site in sites:
        sockets: tuple[Evidence, ...] = ()
        if isinstance(ctx.host.network, Known):
            listening = ctx.host.network.value.listening("tcp", site.port)
            sockets = tuple(Evidence("ss -tulpn", each.line) for each in listening if not each.loopback)[:2]
            if not sockets:
                continue  # written, but not (yet) loaded
        subject = f"{site.software} tcp/{site.port}"
        detail = f"{site.software} serves pages on port {site.port} without TLS."
        yield subject, fail(detail, Evidence(site.path, site.text, site.line), *sockets, subject=subject, reach=reach)


def _applications(ctx: Context) -> Iterator[tuple[str, Verdict]]:
    match ctx.host.network:
        case Known(network):
            pass
        case _:
            return
    for socket in network.sockets:
        names = {socket.program, socket.script.rpartition("/")[2]}
        if socket.protocol != "tcp" or socket.loopback:
            continue
        for name in names & _APPLICATIONS.keys():
            if socket.port in _APPLICATIONS[name]:
                subject = f"{name} {socket.name}"
                detail = f"{name} serves its web interface on port {socket.port} without TLS."
                yield subject, fail(detail, Evidence("ss -tulpn", socket.line), subject=subject)


def _configs(ctx: Context) -> Iterator[tuple[str, Config]]:
    """The web servers that can be reached, with their settings."""
    found = servers(ctx)
    for software, offer in WEB.items():
        if standing(ctx, offer).open and software in found.configs:
            yield software, ctx.known(found.config(software), absent="it has no configuration", subject=software)


@configured(
    "web-directory-listing",
    "The web server lists the files of its folders",
    fault_class=FaultClass.CONFIGURATION,
    likelihood=2,
    impact=2,
    attacker=Attacker.FAR,
    consequence=Consequence.DISCLOSURE,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    commands=("sudo a2dismod -f autoindex", "sudo systemctl reload apache2"),
    references=References(
        document=("Identify the attack surface",), etsi=("5.6-2",), owasp_top10=("A01:2021",), cwe=(548,)
    ),
)
def web_directory_listing(ctx: Context) -> Iterator[Verdict]:
    """Whether a folder without a start page shows what is in it.

    What:
        `autoindex on` of nginx, `Options Indexes` of Apache (Debian ships it for /var/www), or `dir-listing.activate`
        of lighttpd.
    Why:
        Backups, pictures and half-finished pages are found that nobody linked to.
    Remedy:
        Switch the listing off: take `autoindex on` (nginx) or `Options Indexes` (Apache) out, or for Apache switch the
        module off.
    Risk of the remedy:
        Whoever browsed the folders gets 'forbidden'.
    """
    failed = any_server = False
    for software, config in _configs(ctx):
        any_server = True
        for each in config.directives:
            words = each.value.lower().split()
            listing = (
                (each.name == "autoindex" and words[:1] == ["on"])
                or (each.name == "options" and ("indexes" in words or "+indexes" in words))
                or (each.name in {"dir-listing.activate", "server.dir-listing"} and "enable" in words)
            )
            if listing:
                failed = True
                evidence = Evidence(each.path, f"{each.name} {each.value}", each.line)
                commands = () if software == "apache2" else (f"sudo systemctl reload {software}",)
                yield fail(f"{software} lists folders.", evidence, subject=f"{software} {each.path}", commands=commands)
    if not failed:
        yield passed("No folder is listed.") if any_server else not_applicable("no web server can be reached")


@configured(
    "web-server-tells-version",
    "The web server tells its version",
    fault_class=FaultClass.CONFIGURATION,
    likelihood=1,
    impact=2,
    attacker=Attacker.FAR,
    consequence=Consequence.DISCLOSURE,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    preset=Preset.STRICT,
    references=References(
        document=("Identify the attack surface",), ssg=("httpd_servertokens_prod",), etsi=("5.6-2",), cwe=(200,)
    ),
)
def web_server_tells_version(ctx: Context) -> Iterator[Verdict]:
    """Whether every answer says which version of which server gave it.

    What:
        nginx without `server_tokens off`, Apache with other `ServerTokens` than Prod.
    Why:
        Search engines for devices list hosts by it: when a flaw is found, the list of victims is ready. Debian mends
        flaws without changing that number, so that it also misleads.
    Remedy:
        Have the server leave its version out. That is `server_tokens off;` in the http block of /etc/nginx/nginx.conf,
        or `ServerTokens Prod` in /etc/apache2/conf-available/security.conf. Reload the server.
    Risk of the remedy:
        None that is known.
    """
    judged = False
    for software, config in _configs(ctx):
        name, right = {"nginx": ("server_tokens", {"off"}), "apache2": ("servertokens", {"prod", "productonly"})}.get(
            software, ("", set[str]())
        )
        if not name:
            continue
        judged = True
        setting = config.last(name)
        if setting is not None and setting.value.lower() in right:
            yield passed(
                "It does not.", Evidence(setting.path, f"{name} {setting.value}", setting.line), subject=software
            )
        else:
            text = f"{name} {setting.value}" if setting else f"{name} is not set"
            evidence = Evidence(setting.path if setting else config.path, text, setting.line if setting else None)
            yield fail(f"{software} tells its version.", evidence, subject=software)
    if not judged:
        yield not_applicable("no web server of this kind can be reached")


@configured(
    "web-interface-not-reviewed",
    "Nobody has said that the web interface was reviewed",
    fault_class=FaultClass.INTERFACE,
    likelihood=2,
    impact=4,
    attacker=Attacker.FAR,
    consequence=Consequence.TAKEOVER,
    effort=Effort.HOUR,
    fixable=Fixable.BY_HAND,
    preset=Preset.DOCUMENTS,
    references=References(
        document=("Connecting to the Internet", "Code review", "What kind of target is your device?"),
        etsi=("5.13-1",),
        owasp_iot=("I3",),
        owasp_top10=("A01:2021", "A03:2021"),
    ),
    asks=True,
)
def web_interface_not_reviewed(ctx: Context) -> Iterator[Verdict]:
    """Whether somebody looked through the web interface for the usual errors.

    What:
        The device answers with web pages beyond loopback. What they do cannot be judged from their configuration.
    Why:
        A web interface is what an attacker can analyse at leisure. Its usual errors are known, and listed in
        the OWASP Top Ten; a second pair of eyes finds them.
    Remedy:
        Go through the OWASP Top Ten for the pages that the device serves: who may see and do what, whether input can
        become a command, how passwords are kept. Let somebody else read the code. Then attest it.
    Risk of the remedy:
        None: it is a question.
    """
    services = ctx.known(ctx.host.services, absent="there are no services")
    web = [name for name, offer in WEB.items() if standing(ctx, offer).open]
    evidence: tuple[Evidence, ...] = ()
    for name in web:
        evidence += standing(ctx, WEB[name]).evidence[:1]
    applications = [verdict for _, verdict in _applications(ctx)]
    evidence += tuple(each for verdict in applications for each in verdict.evidence)
    if evidence or web:
        names = ", ".join([*web, *(verdict.subject.split()[0] for verdict in applications)])
        question = f"Has the web interface ({names}) been checked against the OWASP Top Ten, and by a second person?"
        yield manual(question, *evidence)
    elif services.units or services.live:
        yield not_applicable("no web interface can be reached")
    else:
        yield unknown("what is started was not read")


RULES: tuple[Rule, ...] = (
    http_without_tls,
    web_directory_listing,
    web_server_tells_version,
    web_interface_not_reviewed,
)
