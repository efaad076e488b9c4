/** Sentences about what a capture will count otherwise than its user may think. */
import type { Options } from './schema.ts';

const ANY = 'any';

export function captureWarnings({ flowLogs, capture }: Pick<Options, 'flowLogs' | 'capture'>): string[] {
  const onAny = flowLogs.filter(({ interfaces }) => interfaces.includes(ANY));
  return [
    ...onAny.map(
      ({ name }) =>
        `the flow log ${name} captures on any: forwarded packets are counted twice, inbound and outbound; list its interfaces`,
    ),
    ...(onAny.length > 0 && /\bvlan\b/.test(capture.filter)
      ? ['capture.filter: vlan is not supported on any; list the interfaces, or use exclude']
      : []),
  ];
}
