/** Sentences about what a capture will count otherwise than its user may think. */
import type { Options } from './schema.ts';

const ANY = 'any';

export function captureWarnings({ flowLogs, capture }: Pick<Options, 'flowLogs' | 'capture'>): string[] {
  const onAny = flowLogs.filter(({ interfaces }) => interfaces.includes(ANY));
  return [
    ...onAny.map(
      ({ name }) =>
        `the flow log ${name} captures on any: packets that this host forwards are counted on their way in and on their way out; name its interfaces`,
    ),
    ...(onAny.length > 0 && /\bvlan\b/.test(capture.filter)
      ? ['capture.filter has the word vlan, which is not supported on any: name the interfaces, or use exclude']
      : []),
  ];
}
