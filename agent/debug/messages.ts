/** Messages of a debug run beside its flows. */
import { getSystemErrorName } from 'node:util';
import type { TapEvent } from '../meter/tap-event.ts';
import type { ObservationPoint } from '../model/flow-log.ts';
import { counted, humanBytes } from '../record/human.ts';
import type { DebugPlan } from './plan.ts';

export function beginText({ interfaceNames, durationSeconds, program }: DebugPlan): string {
  const [name] = program;
  const until = name === undefined ? `for ${durationSeconds} s` : `while ${name} runs, at most ${durationSeconds} s`;
  return `Capturing on ${interfaceNames.join(', ')} ${until}; Ctrl-C stops.`;
}

/** What a table beside a program shows: the capture cannot tell its packets from those of others. */
export function programTitle({ interfaceNames, program: [name] }: DebugPlan): string | undefined {
  if (name === undefined) return undefined;
  return `All traffic on ${interfaceNames.join(' and ')} while ${name} ran, including other programs.`;
}

/** How far the file of packets is; undefined without one. */
export function writingText({ recording }: DebugPlan): string | undefined {
  if (recording === undefined) return undefined;
  const { path, bytesMax, progress } = recording;
  const written = `${counted(progress.packets, 'packet')}, ${humanBytes(progress.bytes)}`;
  if (progress.failure !== 0) {
    return `Writing ${path} failed (${getSystemErrorName(progress.failure)}) after ${written}; records are not affected.`;
  }
  if (progress.leftOut === 0) return `Wrote ${written} to ${path}.`;
  return (
    `Wrote ${written} to ${path}, size limit ${humanBytes(bytesMax)} (--write-max) reached; ` +
    `${counted(progress.leftOut, 'packet')} not written.`
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
      return `${event.reason} Capture resumes when ${point.interfaceName} returns.`;
    case 'verdicts-lost':
      return `${event.reason} NFLOG unavailable; rejected packets recorded as ACCEPT.`;
    case 'verdicts-back':
      return `NFLOG available again, after ${event.gapSeconds.toFixed(1)} s.`;
    case 'jumped':
      return `Capture gap of ${event.gapSeconds.toFixed(1)} s: ${event.reason}.`;
    case 'set-back':
      return `Clock set back by ${event.seconds.toFixed(1)} s.`;
    case 're-attached':
      return `Capture on ${point.interfaceName} resumed, after a gap of ${event.gapSeconds.toFixed(1)} s.`;
  }
}
