/** Sentences that a debug run says beside its flows. */
import { getSystemErrorName } from 'node:util';
import type { TapEvent } from '../meter/tap-event.ts';
import type { ObservationPoint } from '../model/flow-log.ts';
import { counted, humanBytes } from '../record/human.ts';
import type { DebugPlan } from './plan.ts';

export function beginText({ interfaceNames, durationSeconds, program }: DebugPlan): string {
  const [name] = program;
  const until = name === undefined ? `for ${durationSeconds} s` : `while ${name} runs, at most ${durationSeconds} s`;
  return `Capturing on ${interfaceNames.join(', ')} ${until}; Ctrl-C ends it.`;
}

/** What a table beside a program shows: the capture cannot tell its packets from those of others. */
export function programTitle({ interfaceNames, program: [name] }: DebugPlan): string | undefined {
  if (name === undefined) return undefined;
  return `All traffic on ${interfaceNames.join(' and ')} while ${name} ran, that of other programs included.`;
}

/** How far the file of packets is; undefined without one. */
export function writingText({ recording }: DebugPlan): string | undefined {
  if (recording === undefined) return undefined;
  const { path, bytesMax, progress } = recording;
  const written = `${counted(progress.packets, 'packet')}, ${humanBytes(progress.bytes)}`;
  if (progress.failure !== 0) {
    return `Writing ${path} failed (${getSystemErrorName(progress.failure)}) after ${written}; the records go on.`;
  }
  if (progress.leftOut === 0) return `${path} has ${written}.`;
  return (
    `${path} is full: ${written} of ${humanBytes(bytesMax)} (--write-max); ` +
    `${counted(progress.leftOut, 'packet')} ${progress.leftOut === 1 ? 'is' : 'are'} not in it.`
  );
}

export function eventText(point: ObservationPoint, event: TapEvent): string | undefined {
  switch (event.kind) {
    case 'attached':
    case 'live':
    case 'resumed':
    case 'memory-only':
    case 'persisted':
      return undefined;
    case 'before-attach':
      return `${counted(event.packets, 'packet')} passed ${point.interfaceName} before capture began.`;
    case 'waiting':
      return event.reason;
    case 'detached':
      return `${event.reason} Waiting for ${point.interfaceName} to come back.`;
    case 'verdicts-lost':
      return `${event.reason} What the packet filter rejects is taken for accepted.`;
    case 'verdicts-back':
      return `What the packet filter rejects is known again, after ${event.gapSeconds.toFixed(1)} s.`;
    case 'jumped':
      return `${event.gapSeconds.toFixed(1)} s passed on the clock without capture: ${event.reason}.`;
    case 'set-back':
      return `The clock was set back by ${event.seconds.toFixed(1)} s.`;
    case 're-attached':
      return `Capturing on ${point.interfaceName} again, after ${event.gapSeconds.toFixed(1)} s without.`;
  }
}
