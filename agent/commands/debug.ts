import type { Command } from './command.ts';

export const debug: Command = {
  name: 'debug',
  summary: 'Watch the flows of this host, live, without any configuration.',
  usage: '[-i IFACE]... [options]',
  description:
    'Captures on the default interface, or on the ones named, and shows the flows of each short window: a table on a terminal, ' +
    'one line a record when piped. It stops by itself, prints a ledger of every packet on standard error, and leaves nothing behind.',
  options: [
    {
      name: 'interface',
      short: 'i',
      value: 'IFACE',
      multiple: true,
      description:
        'Interface to capture on, by name or pattern (eth*); default is the one with the default route. May be repeated.',
    },
    {
      name: 'filter',
      value: 'BPF',
      default: '',
      description: 'Capture only packets that match this pcap-filter(7) expression.',
    },
    { name: 'window', value: 'SECONDS', default: '10s', description: 'Length of the capture window, 1s to 10m.' },
    { name: 'duration', value: 'SECONDS', default: '5m', description: 'Stop after this time.' },
    {
      name: 'format',
      value: 'FORMAT',
      description: 'table, ndjson or text (the 14-field row). Default: table on a terminal, text when piped.',
    },
    { name: 'no-exclude', description: 'Record DHCP, DHCPv6 and Windows licence activation too.' },
    {
      name: 'engine',
      value: 'ENGINE',
      default: 'libpcap',
      description: 'libpcap, or cap (the npm package of that name).',
    },
  ],
  examples: [
    { line: 'flowlogd debug', says: 'the flows of the default interface, every ten seconds, for five minutes' },
    { line: 'flowlogd debug -i eth0 -i lo --window 5s', says: 'two interfaces' },
    {
      line: "flowlogd debug --filter 'port 53' --format ndjson --duration 1m | jq .",
      says: 'DNS flows for another program',
    },
  ],
  async run(invocation) {
    const [{ runDebug }, { listInterfaces, missingInterface, resolveInterfaces }] = await Promise.all([
      import('../debug-command.ts'),
      import('../config/interfaces.ts'),
    ]);
    const known = listInterfaces();
    const patterns = invocation.has('interface') ? invocation.strings('interface') : ['default'];
    const { interfaces, missing } = resolveInterfaces(patterns, known);
    if (missing[0] !== undefined) throw missingInterface(missing[0], known);
    return runDebug(
      invocation,
      interfaces.map(({ name }) => name),
    );
  },
};
