import type { Command } from '../cli/command.ts';
import { renderRows } from '../cli/rows.ts';
import { type HostInterface, listInterfaces } from '../config/interfaces.ts';
import { EXIT } from '../model/operational-error.ts';

export const interfaces: Command = {
  name: 'interfaces',
  summary: 'List the network interfaces that can be observed.',
  usage: '[--json]',
  description:
    'Lists the interfaces of this network namespace: name, state, hardware address, default interface-id of ' +
    'records, and addresses. "default" stands for the one that holds the default route.',
  options: [{ name: 'json', description: 'Print one JSON array.' }],
  examples: [
    { line: 'flowlogd interfaces', says: 'List the interfaces.' },
    { line: 'flowlogd interfaces --json', says: 'List the interfaces as JSON.' },
  ],
  async run(invocation) {
    const known = listInterfaces();
    invocation.stdout.write(invocation.flag('json') ? `${JSON.stringify(known, undefined, 2)}\n` : renderTable(known));
    return EXIT.ok;
  },
};

function renderTable(known: readonly HostInterface[]): string {
  const rows = known.map((one) => [
    one.name,
    stateOf(one),
    one.mac ?? '-',
    one.interfaceId,
    one.addresses.length === 0 ? '-' : one.addresses.join(' '),
  ]);
  return renderRows(['NAME', 'STATE', 'MAC', 'INTERFACE-ID', 'ADDRESSES'], rows);
}

function stateOf(one: HostInterface): string {
  const states = [one.up === undefined ? '?' : one.up ? 'up' : 'down'];
  if (one.loopback) states.push('loopback');
  if (one.isDefault) states.push('default');
  return states.join(',');
}
