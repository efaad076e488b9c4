/** The kernel of this thread, and what tests put into its memory. */
import { Kernel, loadKernel } from '../../agent/kernel/kernel.ts';
import type { PacketBatch } from '../../agent/model/packet-batch.ts';

/** One for a test file: each reserves address space. */
export function kernelForTests(): Kernel {
  const kernel = loadKernel();
  if (!(kernel instanceof Kernel)) throw new Error(`there is no kernel: ${kernel}; run npm run setup`);
  return kernel;
}

/** Runs with the same batch in the kernel's memory. */
export function withBatchIn<Result>(kernel: Kernel, batch: PacketBatch, run: (batch: PacketBatch) => Result): Result {
  const ranges: Uint8Array[] = [];
  const moved = ({ buffer, byteOffset, byteLength }: DataView): DataView => {
    const range = kernel.take(Math.max(byteLength, 1))!;
    ranges.push(range);
    range.set(new Uint8Array(buffer, byteOffset, byteLength));
    return new DataView(range.buffer, range.byteOffset, byteLength);
  };
  try {
    const frames = batch.frames && moved(batch.frames);
    return run({ view: moved(batch.view), frames, count: batch.count });
  } finally {
    for (const range of ranges) kernel.giveBack(range.fill(0));
  }
}
