import { release } from 'node:os';
import { AUTO_ENGINE, LIVE_ENGINES_HELP } from '../capture/engines.ts';
import { udpSegmentsWarning } from '../capture/udp-segments.ts';
import { FIELDS_OPTION } from '../cli/chosen-fields.ts';
import type { Command, Invocation } from '../cli/command.ts';
import { NO_WASM_OPTION } from '../cli/wasm-option.ts';
import { OperationalError } from '../model/operational-error.ts';

export const debug: Command = {
  name: 'debug',
  summary: 'Show the flows of this host live, without configuration.',
  usage: '[-i IFACE]... [options] [-- PROGRAM [ARG]...]',
  description:
    'Captures on the default interface, or on those given with -i, and shows the flows: on a terminal a live table with rates and ' +
    'totals (press ? for its keys), one line per record and window when piped. It stops after --duration, prints a ledger of all ' +
    'packets on standard error, and leaves nothing behind.\n\n' +
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
        'Interface to capture on, by name or pattern (eth*). Default: the one with the default route. May be repeated. ' +
        'On any, forwarded packets are counted twice.',
    },
    {
      name: 'filter',
      value: 'BPF',
      default: '',
      description:
        'Capture only packets that match a pcap-filter(7) expression. Frames with two VLAN tags never match ports or addresses.',
    },
    {
      name: 'window',
      value: 'SECONDS',
      description:
        'Length of the capture window and refresh interval, 1s to 10m. Default: 2s for the live table and --json, else 10s.',
    },
    { name: 'duration', value: 'SECONDS', default: '5m', description: 'Time after which the capture ends.' },
    {
      name: 'format',
      value: 'FORMAT',
      description:
        'table, ndjson or text (the 14-field row with a header line). Default: table on a terminal, text when piped.',
    },
    FIELDS_OPTION,
    { name: 'no-header', description: 'Omit the header line of text rows.' },
    {
      name: 'json',
      excludes: ['format', 'fields', 'no-header'],
      description: 'Live table as JSON: one object per refresh, and one at the end.',
    },
    {
      name: 'write',
      short: 'w',
      value: 'FILE',
      description: 'Also save full packets to a pcap file (exclusion rules do not apply).',
    },
    {
      name: 'write-max',
      value: 'SIZE',
      requires: 'write',
      default: '100MiB',
      description: 'Maximum size of the file.',
    },
    { name: 'html', value: 'FILE', description: 'Write a report of the run as one HTML page.' },
    {
      name: 'rejects',
      value: 'GROUP',
      excludes: ['filter', 'write'],
      description:
        'NFLOG group to which the packet filter logs rejected packets: their flows are REJECT, with the rule (docs/verdicts.md), ' +
        "in records with --fields 'eni reject-rule'. Cannot be combined with --filter or --write.",
    },
    { name: 'no-exclude', description: 'Also record DHCP, DHCPv6 and Windows licence activation.' },
    {
      name: 'count',
      value: 'WHAT',
      default: 'host',
      description:
        'What packets and bytes count under segmentation offload: host, the frames that the kernel of this host handles, or wire, the ' +
        'packets on the wire that they are (engine ring only).',
    },
    NO_WASM_OPTION,
    {
      name: 'engine',
      value: 'ENGINE',
      default: AUTO_ENGINE,
      description: LIVE_ENGINES_HELP,
    },
  ],
  examples: [
    { line: 'flowlogd debug', says: 'Show the flows of the default interface for five minutes.' },
    {
      line: 'flowlogd debug -i eth0 -i lo --window 5s',
      says: 'Capture on two interfaces, refreshed every five seconds.',
    },
    { line: 'flowlogd debug -- curl -s https://example.com', says: 'Show the flows while a program runs.' },
    {
      line: "flowlogd debug --filter 'port 53' --write dns.pcap --write-max 10MiB --duration 1m",
      says: 'Show DNS flows, and save their packets for tcpdump, Wireshark or flowlogd explain.',
    },
    {
      line: "flowlogd debug --filter 'port 53' --format ndjson --duration 1m | jq .",
      says: 'Print DNS flows as NDJSON records.',
    },
    {
      line: 'flowlogd debug --duration 10m --html report.html',
      says: 'Write an HTML report of ten minutes.',
    },
    { line: 'flowlogd debug -i eth0 --rejects 5', says: 'Show rejected traffic with the rule that rejected it.' },
    {
      line: 'flowlogd debug -i eth0 --count wire',
      says: 'Count the packets on the wire, not the super-frames of segmentation offload.',
    },
    { line: 'flowlogd debug --json | jq .total', says: 'Print rates and totals every two seconds.' },
  ],
  async run(invocation) {
    const [{ runDebug }, { listInterfaces, missingInterface, resolveInterfaces }] = await Promise.all([
      import('../debug/run.ts'),
      import('../config/interfaces.ts'),
    ]);
    const segments = invocation.string('count') === 'wire' ? udpSegmentsWarning(release()) : undefined;
    if (segments !== undefined) invocation.stderr.writeMessage(segments);
    // A program is the user's own, and may need what we do not.
    if (invocation.program.length === 0) await invocation.confine(false);
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
    return `A flowlogd daemon is running (process ${agent.pid}, on ${names}); this run has lower priority.`;
  } catch (error) {
    if (error instanceof OperationalError) return undefined;
    throw error;
  }
}
