import { Bench } from 'tinybench';
import type { Kernel } from './kernel.ts';

export interface KernelResult {
  readonly name: string;
  readonly item: Kernel['item'];
  /** Of one packet, record or flow. */
  readonly nsMedian: number;
  readonly nsFastest: number;
  /** 99th percentile of the runs. */
  readonly nsSlow: number;
  readonly megabytesPerSecond: number | undefined;
  readonly note: string;
}

/**
 * Measures one kernel in this process, which is to be its own: what another kernel taught the compiler about shared
 * functions would be measured, too. One run of a kernel is thousands of items, so tinybench's own cost does not show.
 */
export function measure(kernel: Kernel, timeMs: number): KernelResult {
  const { items, bytes, note, prepare, run, spentMs } = kernel.create();
  const bench = new Bench({ time: timeMs, warmupTime: timeMs / 2, iterations: 8, warmupIterations: 4, throws: true });
  const timed = () => {
    run();
    return spentMs === undefined ? undefined : { overriddenDuration: spentMs() };
  };
  bench.add(kernel.name, timed, prepare === undefined ? {} : { beforeEach: prepare });
  const [task] = bench.runSync();
  const result = task!.result;
  if (result.state !== 'completed') throw new Error(`the kernel ${kernel.name} ended as ${result.state}`);
  const { p50, p99, min } = result.latency;
  const nanoseconds = (milliseconds: number) => (milliseconds * 1_000_000) / items;
  return {
    name: kernel.name,
    item: kernel.item,
    nsMedian: nanoseconds(p50),
    nsFastest: nanoseconds(min),
    nsSlow: nanoseconds(p99),
    megabytesPerSecond: bytes === undefined ? undefined : bytes / 1_000 / p50,
    note: note ?? '',
  };
}
