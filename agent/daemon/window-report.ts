import { logStatus } from '../model/ledger.ts';
import { windowTitle } from '../output/table-output.ts';
import { formatTable } from '../record/table.ts';
import type { TextOutput } from '../terminal/text-output.ts';
import { visible } from '../terminal/visible-text.ts';
import type { RecorderMessage } from '../threads/recorder.ts';

const WIDTH = 120;

/** Prints the largest records of a window that has become durable. */
export function showWindow(stdout: TextOutput, window: Extract<RecorderMessage, { kind: 'durable' }>): void {
  const { point, windowStart, ledger, top } = window;
  if (top === undefined) return;
  const status = logStatus(ledger);
  const title = `${point.interfaceName}  ${windowTitle(windowStart, top)}${status === 'OK' ? '' : `  ${status}`}`;
  const table = top.records === 0 ? '' : formatTable(top, stdout.columns || WIDTH);
  stdout.write(`${visible(title)}\n${table}\n`);
}
