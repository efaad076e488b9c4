import { DEFAULT_ENGINE, SAVEFILE_ENGINES_HELP } from '../capture/engines.ts';
import { FIELDS_OPTION } from '../cli/chosen-fields.ts';
import type { Command } from '../cli/command.ts';
import { SINK_URL_EXAMPLES, SINK_URL_HELP } from '../export/sinks.ts';

export const replay: Command = {
  name: 'replay',
  summary: 'Turn capture files into flow log records.',
  usage: 'FILE... [options]',
  description:
    'Reads capture files (pcap, pcapng; - is standard input) and prints one record for each flow and capture window, ' +
    'then a ledger of every packet on standard error. Windows are aligned to the epoch and chosen by each packet’s own time, ' +
    'also where packets are out of order. A file that ends in the middle of a packet gives the records of the packets before ' +
    'that, and exit code 65.',
  positionals: { name: 'FILE', min: 1, max: 10_000 },
  options: [
    { name: 'window', value: 'SECONDS', default: '60', description: 'Length of the capture window, 1s to 10m.' },
    {
      name: 'format',
      value: 'FORMAT',
      default: 'ndjson',
      description:
        'ndjson (one JSON object a line), text (the 14-field row under its header), table (for people), batch (length-delimited proto/flowlog.proto).',
    },
    FIELDS_OPTION,
    {
      name: 'no-header',
      requires: 'format',
      description: 'Text rows without the line of field names above them.',
    },
    {
      name: 'output',
      short: 'o',
      value: 'PATH',
      default: '-',
      description: 'Write the records to a file; - is standard output.',
    },
    {
      name: 'html',
      value: 'FILE',
      description: 'Write a report as one HTML page; records are then printed only with --format, --output or --to.',
    },
    { name: 'no-exclude', description: 'Record DHCP, DHCPv6 and Windows licence activation too.' },
    {
      name: 'filter',
      value: 'BPF',
      default: '',
      description: 'Read only packets that match this pcap-filter(7) expression.',
    },
    {
      name: 'engine',
      value: 'ENGINE',
      default: DEFAULT_ENGINE,
      description: SAVEFILE_ENGINES_HELP,
    },
    {
      name: 'to',
      value: 'URL',
      excludes: ['format', 'output', 'no-header'],
      description: `Send the records to a log service instead of printing them, e.g. ${SINK_URL_EXAMPLES}. ${SINK_URL_HELP}`,
    },
    { name: 'quiet', short: 'q', description: 'No progress bar and no ledger.' },
  ],
  examples: [
    { line: 'flowlogd replay capture.pcap', says: 'NDJSON records to standard output' },
    {
      line: 'flowlogd replay --format table --window 5m a.pcap b.pcapng',
      says: 'two files as one table of 5-minute windows',
    },
    { line: 'tcpdump -c 1000 -w - | flowlogd replay -', says: 'from a pipe' },
    {
      line: "flowlogd replay --filter 'tcp port 443' -o https.ndjson capture.pcap",
      says: 'only some packets, into a file',
    },
    {
      line: "flowlogd replay --fields 'srcaddr dstaddr dstport initiator handshake-rtt' capture.pcap",
      says: 'other fields, learnt from the same packets',
    },
    { line: 'flowlogd replay --html report.html capture.pcap', says: 'charts for a browser' },
  ],
  async run(invocation) {
    const { runReplay } = await import('../replay/run.ts');
    return runReplay(invocation);
  },
};
