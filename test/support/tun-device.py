# A tun device with a kind of link of its own; what it is given, it takes and forgets.
#   tun-device.py DEVICE ARPHRD_NUMBER PACKET_HEX...    says `open` when the device is there, and up when it was told `up`; then
#   puts in the packets, says `sent`, and ends with its input
import contextlib
import fcntl
import os
import struct
import subprocess
import sys

TUNSETIFF = 0x400454CA
TUNSETLINK = 0x400454CD
IFF_TUN_NO_PI = 0x1001

device, hardware, *packets = sys.argv[1:]
tun = os.open('/dev/net/tun', os.O_RDWR)
fcntl.ioctl(tun, TUNSETIFF, struct.pack('16sH22s', device.encode(), IFF_TUN_NO_PI, b''))
fcntl.ioctl(tun, TUNSETLINK, int(hardware))
subprocess.run(['ip', 'link', 'set', device, 'up'], check=True)
print('"open"', flush=True)
sys.stdin.readline()
for packet in packets:
    with contextlib.suppress(OSError):
        os.write(tun, bytes.fromhex(packet))
print('"sent"', flush=True)
sys.stdin.read()
