import { DEFAULT_ENGINE, LIVE_ENGINES_HELP } from '../capture/engines.ts';
import { FIELDS_OPTION } from '../cli/chosen-fields.ts';
import type { Command, Invocation } from '../cli/command.ts';
import { OperationalError } from '../model/operational-error.ts';

export const debug: Command = {
  name: 'debug',
  summary: 'Watch the flows of this host, live, without any configuration.',
  usage: '[-i IFACE]... [options] [-- PROGRAM [ARG]...]',
  description:
    'Captures on the default interface, or on the ones named, and shows the flows: on a terminal a live table with rates and ' +
    'totals (press ? for its keys), one line a record and window when piped. It stops by itself, prints a ledger of every packet ' +
    'on standard error, and leaves nothing behind.\n\n' +
    'With -- PROGRAM it captures while the program runs, loopback included, prints one table on standard error, and ends with ' +
    'the exit code of the program.',
  takesProgram: true,
  options: [
    {
      name: 'interface',
      short: 'i',
      value: 'IFACE',
      multiple: true,
      description:
        'Interface to capture on, by name or pattern (eth*); default is the one with the default route. May be repeated. ' +
        'On any, packets that this host forwards are counted twice.',
    },
    {
      name: 'filter',
      value: 'BPF',
      default: '',
      description:
        'Capture only packets that match this pcap-filter(7) expression. Frames with two VLAN tags match none on ports or addresses.',
    },
    {
      name: 'window',
      value: 'SECONDS',
      description:
        'Length of the capture window, and so between two refreshes, 1s to 10m. Default: 2s for the live table and --json, else 10s.',
    },
    { name: 'duration', value: 'SECONDS', default: '5m', description: 'Stop after this time.' },
    {
      name: 'format',
      value: 'FORMAT',
      description:
        'table, ndjson or text (the 14-field row under its header). Default: table on a terminal, text when piped.',
    },
    FIELDS_OPTION,
    { name: 'no-header', description: 'Text rows without the line of field names above them.' },
    {
      name: 'json',
      excludes: ['format', 'fields', 'no-header'],
      description: 'The live table for programs: one JSON object for each refresh, and one at the end.',
    },
    {
      name: 'write',
      short: 'w',
      value: 'FILE',
      description: 'Write the whole packets to a pcap file, too: those that match the filter, excluded or not.',
    },
    {
      name: 'write-max',
      value: 'SIZE',
      requires: 'write',
      default: '100MiB',
      description: 'The file ends before it would grow beyond this.',
    },
    { name: 'html', value: 'FILE', description: 'Write a report of the run as one HTML page when it ends.' },
    {
      name: 'rejects',
      value: 'GROUP',
      excludes: ['filter', 'write'],
      description:
        'NFLOG group to which the packet filter logs what it rejects: those flows are REJECT, with the rule (docs/verdicts.md), ' +
        "for records --fields 'eni reject-rule'. Not with --filter or --write.",
    },
    { name: 'no-exclude', description: 'Record DHCP, DHCPv6 and Windows licence activation too.' },
    {
      name: 'engine',
      value: 'ENGINE',
      default: DEFAULT_ENGINE,
      description: LIVE_ENGINES_HELP,
    },
  ],
  examples: [
    { line: 'flowlogd debug', says: 'the flows of the default interface, live, for five minutes' },
    { line: 'flowlogd debug -i eth0 -i lo --window 5s', says: 'two interfaces, a new table every five seconds' },
    { line: 'flowlogd debug -- curl -s https://example.com', says: 'what does this program talk to?' },
    {
      line: "flowlogd debug --filter 'port 53' --write dns.pcap --write-max 10MiB --duration 1m",
      says: 'DNS flows, and their packets for tcpdump, Wireshark or flowlogd explain',
    },
    {
      line: "flowlogd debug --filter 'port 53' --format ndjson --duration 1m | jq .",
      says: 'DNS flows for another program, record by record',
    },
    {
      line: 'flowlogd debug --duration 10m --html report.html',
      says: 'ten minutes of this host as charts for a browser',
    },
    { line: 'flowlogd debug -i eth0 --rejects 5', says: 'what the packet filter rejects, and by which rule' },
    { line: 'flowlogd debug --json | jq .total', says: 'rates and totals, every two seconds' },
  ],
  async run(invocation) {
    const [{ runDebug }, { listInterfaces, missingInterface, resolveInterfaces }] = await Promise.all([
      import('../debug/run.ts'),
      import('../config/interfaces.ts'),
    ]);
    const known = listInterfaces();
    // What a program talks to is often this host itself.
    const byDefault = invocation.program.length > 0 ? ['default', 'lo'] : ['default'];
    const isNamed = invocation.has('interface');
    const { interfaces, missing } = resolveInterfaces(isNamed ? invocation.strings('interface') : byDefault, known);
    if (missing[0] !== undefined && (isNamed || interfaces.length === 0)) throw missingInterface(missing[0], known);
    const names = interfaces.map(({ name }) => name);
    return runDebug(invocation, names, await describeNeighbour(invocation));
  },
};

/** A daemon on this host that answers us; undefined without one, and for one that is not ours to ask. */
async function describeNeighbour(invocation: Invocation): Promise<string | undefined> {
  const [{ askAgent }, { locateAgent }] = await Promise.all([
    import('./agent-client.ts'),
    import('./agent-location.ts'),
  ]);
  try {
    const { socketPaths } = locateAgent({}, invocation.env);
    const { agent, interfaces } = (await askAgent(socketPaths, undefined)).status;
    const names = interfaces.map((each) => each.interface).join(', ');
    return `A flowlogd daemon runs here, too (process ${agent.pid}, on ${names}); this run gives way to it.`;
  } catch (error) {
    if (error instanceof OperationalError) return undefined;
    throw error;
  }
}
