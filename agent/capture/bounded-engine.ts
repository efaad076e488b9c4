/**
 * An engine whose captures together stay within what the system has for them: packet rings within one limit of memory
 * (ring-budget.ts), descriptors with some left for tables, spool and uploads. What does not fit is refused with
 * `capture.no-room`, and fits when another capture has ended: whoever was refused tries again.
 */
import { readFileSync } from 'node:fs';
import { OperationalError } from '../model/operational-error.ts';
import type { LiveEngine, LiveOptions } from '../model/packet-source.ts';
import type { RingChange } from '../model/ring-change.ts';
import { humanMebibytes, RING_BYTES_MIN, RingBudget } from './ring-budget.ts';

export interface BoundedEngineOptions {
  /** Over all rings. */
  readonly ringBytesMax: number;
  /** A ring was made, ended, or refused. */
  readonly onRing: (change: RingChange) => void;
  /** File descriptors that the process may have. */
  readonly descriptorsMax?: number;
}

/** Of all descriptors, captures may take so many, one each: every interface with packets has open tables, too. */
const CAPTURE_SHARE = 1 / 2;
/** Of a netlink socket the kernel takes twice what is asked for, to count its own book-keeping. */
export const NFLOG_FACTOR = 2;

export function boundedEngine(engine: LiveEngine, options: BoundedEngineOptions): LiveEngine {
  const { ringBytesMax, onRing, descriptorsMax = descriptorLimit() } = options;
  const budget = new RingBudget(ringBytesMax);
  const take = (wanted: LiveOptions) => {
    if (budget.rings >= descriptorsMax * CAPTURE_SHARE) throw noDescriptor(wanted, descriptorsMax);
    const factor = wanted.interfaceName.startsWith('nflog:') ? NFLOG_FACTOR : 1;
    const ringBytes = budget.take(wanted.bufferBytes * factor);
    if (ringBytes === undefined) throw noMemory(wanted, budget);
    return { ringBytes, bufferBytes: ringBytes / factor };
  };
  const report = ({ interfaceName }: LiveOptions, ringBytes: number, refusal?: string) =>
    onRing({ interfaceName, ringBytes, refusal, bytes: budget.bytes, rings: budget.rings });

  return {
    name: engine.name,
    limits: engine.limits,
    holdMs: engine.holdMs,
    open(wanted) {
      let ringBytes = 0;
      const release = () => {
        if (ringBytes > 0) budget.release(ringBytes);
        ringBytes = 0;
      };
      try {
        const taken = take(wanted);
        ringBytes = taken.ringBytes;
        const onClosed = () => {
          release();
          report(wanted, 0);
        };
        const source = engine.open({ ...wanted, bufferBytes: taken.bufferBytes, onClosed });
        report(wanted, ringBytes);
        return source;
      } catch (error) {
        release();
        if (error instanceof OperationalError && error.code === 'capture.no-room') report(wanted, 0, error.message);
        throw error;
      }
    },
    alsoWaitFor: (fileDescriptor) => engine.alsoWaitFor?.(fileDescriptor),
    ...(engine.followNames && { followNames: engine.followNames.bind(engine) }),
    wait: (sources, timeoutMs) => engine.wait(sources, timeoutMs),
  };
}

function noMemory({ interfaceName }: LiveOptions, { bytes, bytesMax, rings }: RingBudget): OperationalError {
  return new OperationalError(
    'capture.no-room',
    `Capturing on ${interfaceName} failed, no memory is left for its packet ring: ${rings} rings take ${humanMebibytes(bytes)} of ` +
      `${humanMebibytes(bytesMax)}, and the smallest takes ${humanMebibytes(RING_BYTES_MIN)}; raise capture.memoryMax, or observe ` +
      'fewer interfaces.',
  );
}

function noDescriptor({ interfaceName }: LiveOptions, descriptorsMax: number): OperationalError {
  return new OperationalError(
    'capture.no-room',
    `Capturing on ${interfaceName} failed, captures have half of the ${descriptorsMax} file descriptors that this process may open: raise ` +
      'LimitNOFILE= of the service (ulimit -n in a shell), or observe fewer interfaces.',
  );
}

/** proc(5); Node.js raises its own limit to the hard one when it starts. */
function descriptorLimit(): number {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
