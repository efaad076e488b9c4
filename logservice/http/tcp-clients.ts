/**
 * Which users of this host have connections to a port of it, out of the kernel's lists /proc/net/tcp and /proc/net/tcp6:
 *
 *      sl  local_address rem_address   st tx_queue:rx_queue tr:tm->when retrnsmt   uid ...
 *       1: 0100007F:A158 0100007F:252A 01 00000000:00000000 00:00000000 00000000  1000 ...
 *
 * Addresses are words in the byte order of the host. Only rows of established connections (01) have their user.
 */
import { createReadStream } from 'node:fs';
import { endianness } from 'node:os';

const LISTS = ['/proc/net/tcp', '/proc/net/tcp6'];

/** User ids by `address port` of the client, with IPv4 addresses and ::1 as their texts. */
export async function tcpClients(port: number): Promise<ReadonlyMap<string, number>> {
  const users = new Map<string, number>();
  for (const list of LISTS) {
    try {
      await readList(list, port, users);
    } catch {
      // A kernel without IPv6 has one list.
    }
  }
  return users;
}

async function readList(path: string, port: number, users: Map<string, number>): Promise<void> {
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0');
  const row = new RegExp(
    `^ *\\d+: ([0-9A-F]+):([0-9A-F]{4}) [0-9A-F]+:${hexPort} 01 [0-9A-F:]+ [0-9A-F:]+ [0-9A-F]+ +(\\d+) `,
    'gm',
  );
  let rest = '';
  for await (const chunk of createReadStream(path, { encoding: 'latin1' }) as AsyncIterable<string>) {
    const text = rest + chunk;
    const end = text.lastIndexOf('\n') + 1;
    rest = text.slice(end);
    for (const [, address = '', clientPort = '', user = ''] of text.slice(0, end).matchAll(row)) {
      users.set(`${addressText(address)} ${Number.parseInt(clientPort, 16)}`, Number(user));
    }
  }
}

function addressText(hex: string): string {
  const bytes = Buffer.from(hex, 'hex');
  if (endianness() === 'LE') bytes.swap32();
  if (bytes.length === 4) return bytes.join('.');
  const begin = bytes.subarray(0, 12).toString('hex');
  if (begin === '00000000000000000000ffff') return bytes.subarray(12).join('.');
  return begin === '0'.repeat(24) && bytes.readUInt32BE(12) === 1 ? '::1' : bytes.toString('hex');
}
