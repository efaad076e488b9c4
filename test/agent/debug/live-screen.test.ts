import { PassThrough, Writable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LiveScreen } from '../../../agent/debug/live-screen.ts';
import { FlowTally } from '../../../agent/live-table/flow-tally.ts';
import { INITIAL_STATE } from '../../../agent/live-table/live-keys.ts';
import { liveLines, rowsFor } from '../../../agent/live-table/live-table.ts';
import { viewOf } from '../../../agent/live-table/live-view.ts';
import { createAnnotations } from '../../../agent/model/annotations.ts';
import { createFlowRecord, type FlowRecord } from '../../../agent/model/flow-record.ts';
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
      const view = viewOf(tally, INITIAL_STATE.choices, rowsFor(terminal, CONTEXT));
      const lines = liveLines(tally, view, INITIAL_STATE, CONTEXT, { ...terminal, color: false });
      screen.start();
      screen.refresh();
      expect(cells.lines).toEqual(lines.map((line) => terminalText(line).trimEnd()));
      screen.end();
    }),
  );
});

/** A screen on a terminal of cells, with a keyboard. */
class Terminal {
  readonly tally = new FlowTally(2, 0);
  readonly stdin = Object.assign(new PassThrough(), { isTTY: true as const });
  readonly screen: LiveScreen;
  hasQuit = false;
  readonly #stdout: Writable & { columns: number; rows: number };
  #cells: TerminalCells;
  #windows = 0;

  constructor(columns: number, rows: number, hasRejects = false) {
    this.#cells = new TerminalCells(columns, rows);
    const write = (chunk: unknown) => this.#cells.write(String(chunk));
    const stdout = new Writable({ write: (chunk, _encoding, done) => done(void write(chunk)) });
    this.#stdout = Object.assign(stdout, { columns, rows });
    this.screen = new LiveScreen({
      tally: this.tally,
      stdin: this.stdin,
      stdout: new TextOutput(this.#stdout),
      color: false,
      createNames: () => expect.unreachable(),
      context: () => ({ ...CONTEXT, notes: [], hasRejects }),
      onQuit: () => {
        this.hasQuit = true;
      },
    });
    this.screen.start();
  }

  /** A window in which the flows from these ports sent so many bytes. */
  send(bytesByPort: Readonly<Record<number, number>>, parts: Partial<FlowRecord> = {}): void {
    const records = Object.entries(bytesByPort).map(([port, bytes]) => ({
      ...createFlowRecord(),
      ...{ protocol: 17, sourcePort: Number(port), destinationPort: 53, packets: 1, bytes, ...parts },
    }));
    const start = 2 * this.#windows++;
    this.tally.add('eth0', { start, ledger: createLedger([]), records: () => cursorOver(records) });
    this.screen.refresh();
  }

  async press(...chunks: readonly string[]): Promise<void> {
    for (const chunk of chunks) {
      this.stdin.write(chunk);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  resize(columns: number, rows: number): void {
    this.#cells = new TerminalCells(columns, rows);
    Object.assign(this.#stdout, { columns, rows });
    this.#stdout.emit('resize');
  }

  get lines(): readonly string[] {
    return this.#cells.lines;
  }

  /** Ports of the rows that are shown, the selected one with a mark. */
  get ports(): readonly string[] {
    return this.lines.flatMap((line) => /^(> )? *UDP +[\d.]+:(\d+)/.exec(line)?.slice(1).join('') ?? []);
  }
}

describe('the live screen', () => {
  test('keeps the selected flow selected and in sight when the order changes, and when the terminal does', async () => {
    const terminal = new Terminal(80, 12);
    terminal.send(Object.fromEntries(Array.from({ length: 20 }, (_, port) => [1001 + port, 5000 - port])));
    await terminal.press('\u001b', '[B', 'jj');
    expect(terminal.ports).toContain('> 1003');
    terminal.send({ 1020: 90_000, 1019: 80_000, 1018: 70_000, 1017: 60_000, 1016: 50_000, 1015: 40_000 });
    expect(terminal.ports).toEqual(
      ['1018', '1017', '1016', '1015', '1001', '1002', '> 1003'].slice(-terminal.ports.length),
    );
    for (const [columns, rows] of [
      [60, 8],
      [20, 5],
      [200, 60],
      [80, 4],
    ] as const) {
      terminal.resize(columns, rows);
      expect(terminal.lines.filter((line) => line.startsWith('> '))).toHaveLength(1);
    }
    await terminal.press('\u001b[H');
    expect(terminal.ports[0]).toBe('> 1020');
    terminal.screen.end();
  });

  test('holds the table still while it is paused, also while it is scrolled', async () => {
    const terminal = new Terminal(80, 24);
    terminal.send({ 1001: 3000, 1002: 2000 });
    await terminal.press(' ');
    const before = terminal.lines.slice(1);
    terminal.send({ 1002: 50_000, 1003: 10 });
    await terminal.press('p', 'b');
    expect(terminal.lines.slice(1)).toEqual(before);
    expect(terminal.lines[0]).toContain('PAUSED');
    await terminal.press(' ');
    expect(terminal.ports).toEqual(['1002', '1001', '1003']);
    terminal.screen.end();
  });

  test('shows the details of the same flow when the table is without it', async () => {
    const terminal = new Terminal(80, 24);
    terminal.send({ 1001: 3000 });
    await terminal.press('x', '\r');
    for (let window = 0; window < 40; window++) terminal.send({ 1002: 10 });
    expect(terminal.lines.join('\n')).toContain(':1001');
    await terminal.press('\u001b');
    await expect.poll(() => terminal.ports).toEqual(['> 1002']);
    terminal.screen.end();
  });

  test('takes an Escape for a key once nothing follows it', async () => {
    const terminal = new Terminal(80, 24);
    terminal.send({ 1001: 3000 });
    await terminal.press('?');
    expect(terminal.lines.join('\n')).toContain('Ctrl-B');
    await terminal.press('\u001b');
    await expect.poll(() => terminal.lines.join('\n')).not.toContain('Ctrl-B');
    await terminal.press('q');
    expect(terminal.hasQuit).toBe(true);
    terminal.screen.end();
  });

  test('shows foreign text in a row and in its details without obeying it', async () => {
    const terminal = new Terminal(120, 24, true);
    const rejectRule = '\u001b[2J\u202egnp\r\n\u0007';
    const annotations = { ...createAnnotations(), action: 'REJECT' as const, rejectRule };
    terminal.send({ 1001: 3000 }, { isAnnotated: true, annotations });
    expect(terminal.lines.join('\n')).toContain('\\u001b[2J\\u202egnp');
    await terminal.press('\r');
    expect(terminal.lines.join('\n')).toContain("REJECT by rule '\\u001b[2J\\u202egnp");
    terminal.screen.end();
  });

  test('orders the flows once for a window, however often it is drawn', async () => {
    const terminal = new Terminal(80, 24);
    terminal.send({ 1001: 3000, 1002: 2000 });
    let walks = 0;
    const { flows } = Object.getOwnPropertyDescriptors(FlowTally.prototype);
    Object.defineProperty(terminal.tally, 'flows', {
      get() {
        walks += 1;
        return flows!.get!.call(terminal.tally);
      },
    });
    await terminal.press('j', 'k', '\u001b[F', '\u001b[H');
    terminal.resize(60, 20);
    expect(walks).toBe(0);
    terminal.send({ 1003: 10 });
    expect(walks).toBe(1);
    terminal.screen.end();
  });
});
