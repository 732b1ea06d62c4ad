"""What /proc and /dev tell, of this machine and of made ones."""
from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

from jetracer.core.processes import Program, holders, programs
from jetracer.doctor.processes import foreign, kernel_log, listener


def test_jetracer_knows_itself_and_its_children(machine):
    one = machine("nano")
    one.program(600, "/home/jetson/car/.venv/bin/python /home/jetson/car/.venv/bin/jetracer drive --camera usb")
    one.program(601, "gst-launch-1.0 -q v4l2src device=/dev/video0", parent=600, files=["/dev/video0"])
    one.program(602, "python -m jetracer.safety.failsafe --bus=1", files=["/dev/video0"])
    one.program(603, "python /home/jetson/jetracer/notebooks/old.py", files=["/dev/video0"])
    found = holders(one.root, lambda name: name == "/dev/video0")
    assert {program.pid for program in found} == {601, 602, 603}
    assert [program.pid for program in foreign(one.root, found)] == [603]
    assert str(found[0]).endswith(f"(process {found[0].pid})")
    assert str(Program(7, 0, 1, "/usr/bin/python3 /home/x/manage.py drive")) == "python3 manage.py drive (process 7)"


def test_a_real_program_holds_a_real_file(tmp_path):
    file = tmp_path / "held"
    file.touch()
    code = "import sys; file = open(sys.argv[1]); print(flush=True); input()"
    command = [sys.executable, "-c", code, str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        child.stdout.readline()
        found = holders(Path("/"), lambda name: name == str(file))
        assert [program.pid for program in found] == [child.pid]
        child.communicate(b"\n")


def test_a_real_port_is_seen():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert listener(Path("/"), port)[0]
    assert not listener(Path("/"), port)[0]


def test_ports_and_their_owners(machine):
    one = machine("nano")
    one.listens(8887, 800, "python -m http.server 8887")
    taken, who = listener(one.root, 8887)
    assert (taken, who.pid) == (True, 800)
    assert listener(one.root, 8888) == (False, None)


def test_the_kernels_log(machine):
    one = machine("orin")
    assert "Booting Linux" in kernel_log(one.root)
    one.remove("/dev/kmsg")
    assert kernel_log(one.root) == ""
    one.write("/var/log/kern.log", "old start\nLinux version 4.9 first\nold\nLinux version 4.9 second\nnew\n")
    assert kernel_log(one.root) == "Linux version 4.9 second\nnew\n"


def test_this_one_is_left_out():
    assert os.getpid() not in {program.pid for program in programs(Path("/"))}
