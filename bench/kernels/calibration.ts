/**
 * A loop that no change of flowlogd changes: what a machine can do now. Half of it is arithmetic in registers, half are loads that the
 * caches do not hold, because that is what the hot path does.
 */
import type { Kernel, PreparedKernel } from './kernel.ts';

const ITEMS = 100_000;
/** Words of 32 MiB, a power of two. */
const WORDS = 8 * 1024 * 1024;

export const CALIBRATION_KERNELS: readonly Kernel[] = [
  { name: 'calibration', item: 'packet', create: calibrationKernel },
];

function calibrationKernel(): PreparedKernel {
  const words = new Int32Array(WORDS).map((_, index) => Math.imul(index, 0x9e37_79b1));
  const sums = new Int32Array(1);
  let at = 1;
  const run = () => {
    let sum = 0;
    let hash = at;
    for (let item = 0; item < ITEMS; item++) {
      hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b_3c6d);
      hash = Math.imul(hash ^ (hash >>> 12), 0x297a_2d39) + item;
      sum ^= words[hash & (WORDS - 1)]! ^ hash;
    }
    at = hash | 1;
    sums[0] = sum;
  };
  return { items: ITEMS, run };
}
