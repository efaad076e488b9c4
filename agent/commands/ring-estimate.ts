/**
 * What the packet rings of a configuration would take, with the interfaces that this host has now:
 *
 *     Packet rings: 21 interfaces now, 704 MiB of 3013 MiB (capture.memoryMax), 8 to 64 MiB each
 */
import { NFLOG_FACTOR } from '../capture/bounded-engine.ts';
import { ringBytesMaxOf } from '../capture/host-memory.ts';
import { humanMebibytes, RingBudget } from '../capture/ring-budget.ts';
import { type HostInterface, listInterfaces, resolveInterfaces } from '../config/interfaces.ts';
import type { Configuration } from '../config/load.ts';
import { QUEUE_BYTES } from '../meter/nflog-reader.ts';
import { counted } from '../record/human.ts';

export function ringEstimate(
  { flowLogs, capture }: Pick<Configuration, 'flowLogs' | 'capture'>,
  known: readonly HostInterface[] = listInterfaces(),
): string {
  const patterns = flowLogs.filter(({ enabled }) => enabled).flatMap(({ interfaces }) => interfaces);
  const { interfaces } = resolveInterfaces(patterns, known);
  const groups = new Set(flowLogs.map(({ rejects }) => rejects?.nflog).filter((group) => group !== undefined));
  const wanted = [...groups].map(() => NFLOG_FACTOR * QUEUE_BYTES);
  for (const _ of interfaces) wanted.push(capture.bufferBytes);
  const budget = new RingBudget(ringBytesMaxOf(capture.memoryMax));
  const rings = wanted.map((bytes) => budget.take(bytes)).filter((bytes) => bytes !== undefined);
  const refused = wanted.length - rings.length;
  const sizes = [Math.min(...rings), Math.max(...rings)].map(humanMebibytes);
  const each = rings.length === 0 ? '' : `, ${[...new Set(sizes)].join(' to ')} each`;
  const rest = refused === 0 ? '' : `; ${refused} more exceed the limit and would be refused: raise capture.memoryMax`;
  const taken = `${humanMebibytes(budget.bytes)} of ${humanMebibytes(budget.bytesMax)} (capture.memoryMax)`;
  return `Packet rings: ${counted(interfaces.length, 'interface')} now, ${taken}${each}${rest}`;
}
