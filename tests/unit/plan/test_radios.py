"""Radios: lines of config.txt as Raspberry Pi documents them, units of Debian and Raspberry Pi OS."""

from __future__ import annotations

from thornwall.facts.boot_config import LONGEST, config_lines
from thornwall.model.boot import Boot, ConfigTxt
from thornwall.model.change import EditLine, PutFile, SetMode, UnitsOff
from thornwall.model.fact import Known, Unknown
from thornwall.model.radios import KeyFile, Radios
from thornwall.plan.files import operations
from thornwall.plan.fix import Hold

from .small_host import Host, unit, wants

PATH = "/boot/firmware/config.txt"
SHIPPED = (
    "# For more options see http://rptl.io/configtxt\ndtparam=audio=on\n\n[cm5]\ndtoverlay=dwc2,dr_mode=host\n\n[pi5]\n"
)
OFF_BOARD = Radios(Unknown("a container sees the radios of the machine around it"), input_devices=Known(()))


def board(text: str, *, seen: bool = False) -> Host:
    lines = tuple(config_lines(PATH, text, "Raspberry Pi 4 Model B Rev 1.4", {}))
    return Host(
        files={} if seen else {PATH: text},
        seen={PATH: text} if seen else {},
        units=(unit("bluetooth.service"), unit("hciuart.service"), unit("wpa_supplicant.service")),
        boot=Boot(config=Known(ConfigTxt(PATH, lines))),
        radios=OFF_BOARD,
    )


def test_bluetooth_goes_in_the_firmware_and_in_systemd() -> None:
    host = board(SHIPPED)
    off, line = wants(host, "bluetooth-on")
    assert off == UnitsOff(("bluetooth.service", "hciuart.service"))
    assert line == EditLine(PATH, 0, "", "[all]\ndtoverlay=disable-bt")
    (put,) = operations(host.situation(), PATH, [line])
    assert isinstance(put, PutFile)
    # a section for one board ends the file that ships: ours must hold for every board, in short lines
    assert put.content.decode() == SHIPPED + "[all]\ndtoverlay=disable-bt\n"
    assert all(len(each) <= LONGEST for each in put.content.decode().splitlines())
    after = ConfigTxt(PATH, tuple(config_lines(PATH, put.content.decode(), "Raspberry Pi 5 Model B Rev 1.0", {})))
    loaded = after.overlay("disable-bt")
    assert loaded is not None
    assert loaded.applies is True


def test_what_is_not_known_to_the_byte_stays() -> None:
    assert wants(board(SHIPPED, seen=True), "bluetooth-on") == [UnitsOff(("bluetooth.service", "hciuart.service"))]


def test_a_line_for_another_board_is_none() -> None:
    host = board("[pi3]\ndtoverlay=disable-bt\n")
    assert wants(host, "bluetooth-on")[1] == EditLine(PATH, 0, "", "[all]\ndtoverlay=disable-bt")


def test_wifi_goes_when_the_owner_says_so() -> None:
    hold, off, line = wants(board(SHIPPED), "wifi-on")
    assert isinstance(hold, Hold)
    assert (hold.interlock, hold.accept) == ("wifi-on", True)
    assert hold.why.startswith("No program can see whether the device needs Wi-Fi")
    assert off == UnitsOff(("wpa_supplicant.service",))
    assert line == EditLine(PATH, 0, "", "[all]\ndtoverlay=disable-wifi")


def test_a_key_of_the_wifi_is_no_longer_for_everybody() -> None:
    path = "/etc/wpa_supplicant/wpa_supplicant.conf"
    host = Host(radios=Radios(Known(()), key_files=(KeyFile(path, 0o664, "root", "netdev"),)))
    assert wants(host, "wifi-key-readable") == [SetMode(path, clear=0o007)]
