"""Cameras that anybody may watch."""

from __future__ import annotations

from collections.abc import Iterator

from thornwall.model.fact import Known, Unknown
from thornwall.model.finding import Attacker, Consequence, Effort, Evidence, FaultClass, Fixable, References
from thornwall.model.rule import Context, Preset, Rule, Verdict, fail, passed, unknown
from thornwall.model.servers import Config
from thornwall.rules.exposure import exposure
from thornwall.rules.offered import SS, Offer, standing
from thornwall.rules.servers_open import ACCESS, TARGET, shown
from thornwall.rules.servers_web import configured, servers

_STREAMERS = {
    "mjpg_streamer": "mjpg-streamer",
    "ustreamer": "µStreamer",
    "camera-streamer": "camera-streamer",
    "libcamera-vid": "libcamera-vid",
    "rpicam-vid": "rpicam-vid",
    "raspivid": "raspivid",
    "v4l2rtspserver": "v4l2rtspserver",
    "uv4l": "UV4L",
    "go2rtc": "go2rtc",
    "rtsp-simple-serv": "MediaMTX",
    "mediamtx": "MediaMTX",
    "vlc": "VLC",
}
MOTION = Offer("motion", ("motion", "motioneye"), ("motion", "meyectl"), ("tcp/8081", "tcp/8080", "tcp/8765"))


@configured(
    "camera-stream-open",
    "The picture of the camera is open to everybody",
    fault_class=FaultClass.INTERFACE,
    likelihood=3,
    impact=3,
    attacker=Attacker.FAR,
    consequence=Consequence.DISCLOSURE,
    effort=Effort.TEN_MINUTES,
    fixable=Fixable.NEEDS_ANSWER,
    preset=Preset.DOCUMENTS,
    references=References(
        document=(TARGET, "Have fun! with security in mind"),
        etsi=("5.5-5", "5.8-2"),
        nist=ACCESS,
        owasp_iot=("I6",),
        cwe=(306,),
    ),
)
def camera_stream_open(ctx: Context) -> Iterator[Verdict]:
    """Whether a camera can be watched without a password.

    What:
        motion sends its picture, or its controls, beyond loopback without a login; or a program that streams a camera
        and knows no login listens beyond loopback.
    Why:
        The privacy of everybody in the room is at stake, and there are search engines that collect open cameras.
    Remedy:
        Put the picture behind a password, or show it on the device alone. In motion.conf: `stream_auth_method 2` with
        `stream_authentication name:password`, or `stream_localhost on` and `webcontrol_localhost on`. Others: bind them
        to 127.0.0.1 behind nginx with a password and TLS.
    Risk of the remedy:
        Viewers need the password.
    """
    told = False
    stands = standing(ctx, MOTION)
    if stands.open:
        match servers(ctx).config("motion"):
            case Known(config):
                for evidence in _motion(config):
                    told = True
                    detail = "motion shows the camera, or its controls, without asking for a password."
                    yield fail(detail, evidence, *stands.evidence, subject="motion", reach=stands.reach)
                    break
            case Unknown(reason, mend):
                told = True
                yield unknown(reason, subject="motion", mend=mend)
            case _:
                pass
    match ctx.host.network:
        case Known(network):
            seen = [each for each in network.sockets if each.program in _STREAMERS and not each.loopback]
        case _:
            seen = []
            for name, evidence in _streaming_units(ctx):
                told = True
                yield fail(f"{name} streams a camera from boot on.", evidence, subject=name)
    for socket in {each.program: each for each in seen}.values():
        told = True
        name = _STREAMERS[socket.program]
        reach, _ = exposure(ctx.host, socket)
        yield fail(f"{name} streams on {socket.name}.", Evidence(SS, socket.line), subject=name, reach=reach)
    if not told:
        yield passed("No camera can be watched from the network.")


def _streaming_units(ctx: Context) -> Iterator[tuple[str, Evidence]]:
    """Units of the owner's that start a program which streams a camera to others."""
    services = ctx.known(ctx.host.services, absent="there are no services")
    for unit in services.units.values():
        for command in unit.commands if unit.enabled else ():
            words = command.value.split()
            name = words[0].rpartition("/")[2] if words else ""
            if name in _STREAMERS and not any(word.startswith(("127.", "localhost")) for word in words):
                yield _STREAMERS[name], Evidence(command.path, f"{command.key}={command.value}", command.line)


def _motion(config: Config) -> Iterator[Evidence]:
    for part in ("stream", "webcontrol"):
        local = config.value(f"{part}_localhost", "on").lower()
        method = config.value(f"{part}_auth_method", "0").lower()
        if (
            config.value(f"{part}_port", "0") != "0"
            and local in {"off", "no", "false", "0"}
            and method in {"0", "none"}
        ):
            setting = config.last(f"{part}_localhost")
            if setting is not None:
                yield shown(setting)


RULES: tuple[Rule, ...] = (camera_stream_open,)
