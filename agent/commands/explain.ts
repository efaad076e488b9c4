import type { Command, Invocation } from '../cli/command.ts';

export const explain: Command = {
  name: 'explain',
  summary: 'Say what becomes of one packet, and why.',
  usage: 'FILE (--packet N | --flow FLOW) [options]',
  description:
    'Follows one packet of a capture file (pcap, pcapng) from its first byte to its record: each link layer, the IP header, its ' +
    'extension headers, which length counts, ports and flags; then the key, or why and at which byte it was refused, the ' +
    'exclusion rules, the window, and the record with its totals. The verdict is that of the decoder that run, debug and replay use.',
  positionals: { name: 'FILE', min: 1, max: 1 },
  options: [
    { name: 'packet', short: 'p', value: 'N', description: 'The packet of this number; the first one of a file is 1.' },
    {
      name: 'flow',
      value: 'FLOW',
      description:
        "The first packet of this flow: 'SOURCE:PORT > DESTINATION:PORT/PROTOCOL', IPv6 addresses in brackets.",
    },
    { name: 'window', value: 'SECONDS', default: '60', description: 'Length of the capture window, 1s to 10m.' },
    { name: 'config', short: 'c', value: 'FILE', description: 'Take the exclusion rules of this configuration.' },
    { name: 'no-exclude', excludes: ['config'], description: 'Without any exclusion rule.' },
    { name: 'json', description: 'One JSON object instead of text.' },
  ],
  examples: [
    { line: 'flowlogd explain capture.pcap --packet 7', says: 'Where did the seventh packet go?' },
    {
      line: "flowlogd explain capture.pcap --flow '10.0.0.1:51000 > 10.0.0.2:443/tcp'",
      says: 'The first packet of a flow, the totals of its record, and which packets it has.',
    },
    {
      line: 'flowlogd explain capture.pcap --packet 7 --config /etc/flowlogd/flowlogd.yaml --json | jq .exclusion',
      says: 'Which of my own rules keeps it out?',
    },
  ],
  async run(invocation) {
    const { runExplain } = await import('../explain/run.ts');
    return runExplain(invocation, await exclusionPolicy(invocation));
  },
};

async function exclusionPolicy(invocation: Invocation) {
  const { EXCLUDE_DEFAULTS, EXCLUDE_NOTHING } = await import('../packet/exclusion.ts');
  if (invocation.flag('no-exclude')) return EXCLUDE_NOTHING;
  if (!invocation.has('config')) return EXCLUDE_DEFAULTS;
  const { loadOnHost } = await import('../config/load.ts');
  return loadOnHost(invocation.required('config'), invocation.env, false).configuration.exclude;
}
