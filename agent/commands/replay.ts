import { DEFAULT_SAVEFILE_ENGINE, SAVEFILE_ENGINES_HELP } from '../capture/engines.ts';
import { FIELDS_OPTION } from '../cli/chosen-fields.ts';
import type { Command } from '../cli/command.ts';
import { NO_WASM_OPTION } from '../cli/wasm-option.ts';
import { SINK_URL_EXAMPLES, SINK_URL_HELP } from '../export/sinks.ts';

export const replay: Command = {
  name: 'replay',
  summary: 'Convert capture files into flow log records.',
  usage: 'FILE... [options]',
  description:
    'Reads capture files (pcap, pcapng, also compressed with gzip or zstd; - is standard input) and prints one record per flow and capture window, ' +
    'then a ledger of all packets on standard error. Windows are aligned to the epoch; the timestamp of a packet selects its window, ' +
    'also where packets are out of order. A truncated file gives the records of the packets before the truncation, ' +
    'and exit code 65.',
  positionals: { name: 'FILE', min: 1, max: 10_000 },
  options: [
    { name: 'window', value: 'SECONDS', default: '60', description: 'Length of the capture window, 1s to 10m.' },
    {
      name: 'format',
      value: 'FORMAT',
      default: 'ndjson',
      description:
        'ndjson (one JSON object per line), text (the 14-field row with a header line), table, batch (length-delimited proto/flowlog.proto).',
    },
    FIELDS_OPTION,
    {
      name: 'no-header',
      requires: 'format',
      description: 'Omit the header line of text rows.',
    },
    {
      name: 'output',
      short: 'o',
      value: 'PATH',
      default: '-',
      description: 'File for the records; - is standard output.',
    },
    {
      name: 'html',
      value: 'FILE',
      description: 'Write a report as one HTML page; records are printed only with --format, --output or --to.',
    },
    { name: 'no-exclude', description: 'Also record DHCP, DHCPv6 and Windows licence activation.' },
    {
      name: 'filter',
      value: 'BPF',
      default: '',
      description: 'Read only packets that match a pcap-filter(7) expression.',
    },
    {
      name: 'engine',
      value: 'ENGINE',
      default: DEFAULT_SAVEFILE_ENGINE,
      description: SAVEFILE_ENGINES_HELP,
    },
    {
      name: 'to',
      value: 'URL',
      excludes: ['format', 'output', 'no-header'],
      description: `Send the records to a log service, e.g. ${SINK_URL_EXAMPLES}. ${SINK_URL_HELP}`,
    },
    NO_WASM_OPTION,
    { name: 'quiet', short: 'q', description: 'Suppress progress bar and ledger.' },
  ],
  examples: [
    { line: 'flowlogd replay capture.pcap', says: 'Print NDJSON records.' },
    {
      line: 'flowlogd replay --format table --window 5m a.pcap b.pcapng',
      says: 'Merge two files into one table of 5-minute windows.',
    },
    { line: 'tcpdump -c 1000 -w - | flowlogd replay -', says: 'Read from a pipe.' },
    { line: 'flowlogd replay archive/*.pcap.gz -o all.ndjson', says: 'Read compressed files.' },
    {
      line: "flowlogd replay --filter 'tcp port 443' -o https.ndjson capture.pcap",
      says: 'Write the records of some packets to a file.',
    },
    {
      line: "flowlogd replay --fields 'srcaddr dstaddr dstport initiator handshake-rtt' capture.pcap",
      says: 'Choose the fields.',
    },
    { line: 'flowlogd replay --html report.html capture.pcap', says: 'Write an HTML report.' },
  ],
  async run(invocation) {
    const { runReplay } = await import('../replay/run.ts');
    await invocation.confine(false);
    return runReplay(invocation);
  },
};
