/**
 * `npm run bench -- kernels [NAME...]`: nanoseconds per packet, flow or record of each part of the hot path. A name selects
 * every kernel that begins with it. Each kernel runs in a process of its own, so that none is measured with what another
 * one has taught the compiler.
 */
import { parseArgs } from 'node:util';
import { ANNOTATION_KERNELS } from './kernels/annotations.ts';
import { CALIBRATION_KERNELS } from './kernels/calibration.ts';
import { CAPTURE_KERNELS } from './kernels/capture.ts';
import { DETECTION_KERNELS } from './kernels/detection.ts';
import type { Kernel } from './kernels/kernel.ts';
import { type KernelResult, measure } from './kernels/measure.ts';
import { PACKET_KERNELS } from './kernels/packets.ts';
import { RECORD_KERNELS } from './kernels/records.ts';
import { TRANSLATION_KERNELS } from './kernels/translations.ts';
import { machineLine } from './machine.ts';
import { runApart } from './measured.ts';
import { markdownTable, shortNumber } from './table-text.ts';

const KERNELS: readonly Kernel[] = [
  ...CAPTURE_KERNELS,
  ...PACKET_KERNELS,
  ...RECORD_KERNELS,
  ...ANNOTATION_KERNELS,
  ...TRANSLATION_KERNELS,
  ...DETECTION_KERNELS,
  ...CALIBRATION_KERNELS,
];

export function runKernels(args: readonly string[]): void {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      here: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      time: { type: 'string', default: '600' },
      json: { type: 'boolean', default: false },
    },
  });
  const chosen = KERNELS.filter(
    ({ name }) => positionals.length === 0 || positionals.some((by) => name.startsWith(by)),
  );
  if (chosen.length === 0) throw new Error(`no kernel is called ${positionals.join(' or ')}: see --list`);
  const timeMs = Number(values.time);
  if (values.list) {
    for (const { name } of chosen) console.log(name);
  } else if (values.here) {
    for (const kernel of chosen) console.log(JSON.stringify(measure(kernel, timeMs)));
  } else {
    const results = chosen.map((kernel) => measureApart(kernel, timeMs));
    console.log(values.json ? JSON.stringify(results, undefined, 2) : format(results));
  }
}

function measureApart(kernel: Kernel, timeMs: number): KernelResult {
  const lines = runApart(['kernels', '--here', '--time', String(timeMs), kernel.name]);
  const results = lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as KernelResult);
  return results.find(({ name }) => name === kernel.name)!;
}

function format(results: readonly KernelResult[]): string {
  const rows = results.map(({ name, item, nsMedian, nsFastest, nsSlow, megabytesPerSecond, note }) => [
    `\`${name}\``,
    shortNumber(nsMedian),
    shortNumber(nsFastest),
    shortNumber(nsSlow),
    item,
    megabytesPerSecond === undefined ? '' : shortNumber(megabytesPerSecond),
    note,
  ]);
  const table = markdownTable(['kernel', 'ns (median)', 'fastest', 'slow (p99)', 'per', 'MB/s', 'note'], rows);
  return `${machineLine()}\n\n${table}`;
}
