import type { Command, Invocation } from '../cli/command.ts';

export const explain: Command = {
  name: 'explain',
  summary: 'Explain how one packet is decoded, counted or excluded.',
  usage: 'FILE (--packet N | --flow FLOW) [options]',
  description:
    'Follows one packet of a capture file (pcap, pcapng, also compressed) from its first byte to its record: link layers, IP header, extension ' +
    'headers, counted length, ports and flags; then the flow key, or the byte and reason of a refusal, the exclusion rules, the ' +
    'window, and the record with its totals. Decoding and exclusion are those of run, debug and replay.',
  positionals: { name: 'FILE', min: 1, max: 1 },
  options: [
    { name: 'packet', short: 'p', value: 'N', description: 'Packet by number, from 1.' },
    {
      name: 'flow',
      value: 'FLOW',
      description: "First packet of a flow: 'SOURCE:PORT > DESTINATION:PORT/PROTOCOL', IPv6 addresses in brackets.",
    },
    { name: 'window', value: 'SECONDS', default: '60', description: 'Length of the capture window, 1s to 10m.' },
    { name: 'config', short: 'c', value: 'FILE', description: 'Use the exclusion rules of this configuration.' },
    { name: 'no-exclude', excludes: ['config'], description: 'Disable all exclusion rules.' },
    { name: 'json', description: 'Print one JSON object.' },
  ],
  examples: [
    { line: 'flowlogd explain capture.pcap --packet 7', says: 'Explain the seventh packet.' },
    {
      line: "flowlogd explain capture.pcap --flow '10.0.0.1:51000 > 10.0.0.2:443/tcp'",
      says: 'Explain the first packet of a flow, with the totals of its record and the numbers of its packets.',
    },
    {
      line: 'flowlogd explain capture.pcap --packet 7 --config /etc/flowlogd/flowlogd.yaml --json | jq .exclusion',
      says: 'Find the exclusion rule of a configuration that matches a packet.',
    },
  ],
  async run(invocation) {
    const { runExplain } = await import('../explain/run.ts');
    await invocation.confine(false);
    const policy = await exclusionPolicy(invocation);
    await invocation.limitFiles(invocation.positionals);
    return runExplain(invocation, policy);
  },
};

async function exclusionPolicy(invocation: Invocation) {
  const { EXCLUDE_DEFAULTS, EXCLUDE_NOTHING } = await import('../packet/exclusion.ts');
  if (invocation.flag('no-exclude')) return EXCLUDE_NOTHING;
  if (!invocation.has('config')) return EXCLUDE_DEFAULTS;
  const { loadOnHost } = await import('./host-configuration.ts');
  return loadOnHost(invocation.required('config'), invocation.env, false).configuration.exclude;
}
