import { humanBytes } from '../record/human.ts';
import { joinText, sequence } from '../terminal/styled-text.ts';
import type { TextOutput } from '../terminal/text-output.ts';

export interface Progress {
  /** `bytes` of `file` were read. */
  readonly show: (file: string, bytes: number) => void;
  readonly clear: () => void;
}

const BAR_WIDTH = 30;
const REFRESH_MS = 100;
/** Nobody needs a bar for what is over in a blink. */
const QUIET_MS = 500;

/** A progress bar on a terminal; nothing anywhere else. Without a total it shows what was read. */
export function createProgress(stream: TextOutput | undefined, totalBytes: number | undefined): Progress {
  if (stream?.isTTY !== true) return { show: () => undefined, clear: () => undefined };
  const started = performance.now();
  let shown = 0;
  let finishedFiles = 0;
  let current = { file: '', bytes: 0 };
  return {
    show(file, bytes) {
      // A file may be named twice, one time after the other.
      if (file !== current.file || bytes < current.bytes) finishedFiles += current.bytes;
      current = { file, bytes };
      const now = performance.now();
      if (now - started < QUIET_MS || now - shown < REFRESH_MS) return;
      shown = now;
      stream.write(
        joinText([sequence('eraseLine'), progressLine(finishedFiles + bytes, totalBytes, (now - started) / 1000)]),
      );
    },
    clear() {
      if (shown > 0) stream.write(sequence('eraseLine'));
    },
  };
}

export function progressLine(bytes: number, totalBytes: number | undefined, seconds: number): string {
  const rate = `${humanBytes(Math.round(bytes / seconds))}/s`;
  if (totalBytes === undefined || totalBytes === 0) return `${humanBytes(bytes)} read, ${rate}`;
  const share = Math.min(bytes / totalBytes, 1);
  const filled = Math.round(share * BAR_WIDTH);
  const bar = `[${'#'.repeat(filled)}${'.'.repeat(BAR_WIDTH - filled)}] ${Math.floor(share * 100)} %, ${rate}`;
  return share === 0 ? bar : `${bar}, ${Math.round((seconds / share) * (1 - share))} s left`;
}
