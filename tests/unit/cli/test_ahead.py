"""What is got ready while the host is at work."""

from __future__ import annotations

import subprocess
import sys
import threading

from thornwall.cli.ahead import beside


def test_it_begins_with_the_first_step_and_only_once() -> None:
    begun = threading.Event()
    times: list[int] = []
    named: list[str] = []

    def work() -> None:
        times.append(threading.get_ident())
        begun.set()

    def told(name: str) -> None:
        named.append(name)

    step = beside(work, told)
    assert not times
    step("files")
    assert begun.wait(10)
    step("waiting")
    assert named == ["files", "waiting"]
    assert len(times) == 1
    assert times[0] != threading.get_ident()


def test_the_command_imports_what_judges_only_while_the_host_is_at_work() -> None:
    code = (
        "import sys\nimport thornwall.jobs.reach as reach\n"
        "def read(*_):\n"
        "    print('thornwall.rules.registry' in sys.modules, 'thornwall.report.terminal' in sys.modules)\n"
        "    raise SystemExit(0)\n"
        "reach.read_target = read\n"
        "sys.argv = ['thornwall', 'audit', 'pi@192.0.2.1']\n"
        "from thornwall.cli.app import run\nrun()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"
