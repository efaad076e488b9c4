/**
 * What exclusion rules kept out of the records, in the status of an agent (--json has more peers):
 *
 *     EXCLUDED ON eth0    PACKETS    BYTES  LARGEST PEERS
 *     dhcp                     12   4.1 kB  0.0.0.0 > 255.255.255.255 udp/67 (4.1 kB)
 *     windows-activation      310  45.1 kB  10.0.0.5 > 10.0.0.6 tcp/1688 (30.0 kB), and 4 more
 */
import { alignRows } from '../cli/rows.ts';
import { largestPeersText } from '../record/excluded-peer.ts';
import { humanBytes, humanCount } from '../record/human.ts';
import type { InterfaceStatus } from '../telemetry/agent-status.ts';

export function excludedLines({ interface: name, ledger }: InterfaceStatus): string[] {
  const rules = Object.entries(ledger.excluded).filter(([, { packets }]) => packets > 0);
  if (rules.length === 0) return [];
  const rows = rules.map(([rule, { packets, bytes }]) => [rule, humanCount(packets), humanBytes(bytes)]);
  const peers = rules.map(([rule]) => largestPeersText(ledger.excludedPeers, rule) ?? '');
  const lines = alignRows([`EXCLUDED ON ${name}`, 'PACKETS', 'BYTES'], rows, 1);
  return lines.map((line, index) => `${line}  ${['LARGEST PEERS', ...peers][index]}`.trimEnd());
}
