import { PassThrough, Writable } from 'node:stream';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LiveScreen } from '../../../agent/debug/live-screen.ts';
import { FlowTally } from '../../../agent/live-table/flow-tally.ts';
import { INITIAL_STATE } from '../../../agent/live-table/live-keys.ts';
import { liveLines, rowsFor } from '../../../agent/live-table/live-table.ts';
import { viewOf } from '../../../agent/live-table/live-view.ts';
import { createLedger } from '../../../agent/model/ledger.ts';
import { terminalText } from '../../../agent/terminal/styled-text.ts';
import { TextOutput } from '../../../agent/terminal/text-output.ts';
import { cursorOver, flowRecord } from '../../support/flow-records.ts';
import { TerminalCells } from '../../support/terminal-cells.ts';

const CONTEXT = { interfaceNames: ['eth0'], hasRejects: false, elapsedSeconds: 5, secondsLeft: 295, notes: ['a note'] };

test('a terminal of any width shows every line to its last character, drawn once or again', () => {
  const records = fc.array(flowRecord, { maxLength: 10 });
  fc.assert(
    fc.property(records, fc.integer({ min: 40, max: 200 }), fc.boolean(), (flows, columns, color) => {
      const tally = new FlowTally(2, 0);
      tally.add('eth0', { start: 0, ledger: createLedger([]), records: () => cursorOver(flows) });
      const terminal = { columns, rows: 24, color, keys: false };
      const cells = new TerminalCells(columns, terminal.rows);
      const stdout = Object.assign(
        new Writable({
          write(chunk, _encoding, done) {
            cells.write(String(chunk));
            done();
          },
        }),
        terminal,
      );
      const screen = new LiveScreen({
        tally,
        stdin: new PassThrough(),
        stdout: new TextOutput(stdout),
        color,
        createNames: () => expect.unreachable(),
        context: () => CONTEXT,
        onQuit: () => undefined,
      });
      const view = viewOf(tally, INITIAL_STATE.choices, rowsFor(terminal, INITIAL_STATE, CONTEXT));
      const lines = liveLines(tally, view, INITIAL_STATE, CONTEXT, { ...terminal, color: false });
      screen.start();
      screen.refresh();
      expect(cells.lines.filter((line) => line !== '')).toEqual(lines.map((line) => terminalText(line).trimEnd()));
      screen.end();
    }),
  );
});
