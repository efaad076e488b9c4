# One end of a tunnel: what a tun device sends travels to the other end in UDP datagrams, each of them DELAY_MS late.
#   tunnel.py DEVICE LOCAL REMOTE DELAY_MS       says `open` when the device is there; ends with its input
import collections
import contextlib
import fcntl
import os
import select
import socket
import struct
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TUN_NO_PI = 0x1001
PORT = 7000

device, local, remote, delay_ms = sys.argv[1:]
tun = os.open('/dev/net/tun', os.O_RDWR)
fcntl.ioctl(tun, TUNSETIFF, struct.pack('16sH22s', device.encode(), IFF_TUN_NO_PI, b''))
wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
wire.bind((local, PORT))
late = collections.deque()
print('open', flush=True)
while True:
    wait = max(0, late[0][0] - time.monotonic()) if late else None
    ready, _, _ = select.select([tun, wire, sys.stdin], [], [], wait)
    if sys.stdin in ready:
        break
    if tun in ready:
        late.append((time.monotonic() + float(delay_ms) / 1000, os.read(tun, 65536)))
    while late and late[0][0] <= time.monotonic():
        wire.sendto(late.popleft()[1], (remote, PORT))
    if wire in ready:
        # A device that is not up yet takes nothing.
        with contextlib.suppress(OSError):
            os.write(tun, wire.recv(65536))
