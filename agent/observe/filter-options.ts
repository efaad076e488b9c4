/** Short for conditions; filters.ts makes them. */
import type { OptionSpec } from '../cli/command.ts';

/** Ids of interfaces by their names. */
export type InterfaceIds = ReadonlyMap<string, readonly string[]>;

export const FILTER_OPTIONS: readonly OptionSpec[] = [
  {
    name: 'host',
    value: 'ADDRESS',
    multiple: true,
    description: 'Either address: one, or a prefix such as 10.0.0.0/8.',
  },
  { name: 'port', value: 'PORT', multiple: true, description: 'Either port.' },
  { name: 'protocol', value: 'NAME', multiple: true, description: 'Protocol: tcp, udp, icmp, or a number.' },
  { name: 'verdict', value: 'VERDICT', description: 'ACCEPT or REJECT.' },
  { name: 'interface', value: 'NAME', multiple: true, description: 'Interface, by its name or its interface id.' },
];
