"""What was planted is really there, and really gone on the twin: said by the owner's own tools, never by ours."""

from .host import Host


def test_a_person_logs_in_with_the_factory_password(shared_planted: Host) -> None:
    result = shared_planted.login("sudo -n id -u", methods=["password"], password="raspberry")
    assert result.stdout == "0\n", result.stderr
