/** What a debug run shows while it continues and at its end: a live screen, tables, JSON objects, or plain records. */

import { tableLines, totalLine } from '../live-table/flow-table.ts';
import type { FlowTally } from '../live-table/flow-tally.ts';
import { type LiveContext, lossText } from '../live-table/live-table.ts';
import { DEFAULT_CHOICES, type View, type ViewChoices, viewOf } from '../live-table/live-view.ts';
import { SCREEN_FLOWS_MAX, screenObject } from '../live-table/screen-object.ts';
import type { ObservationPoint } from '../model/flow-log.ts';
import type { OutputWindow } from '../model/window-output.ts';
import { AnnotatedOutput } from '../output/annotated-output.ts';
import { textDestination } from '../output/byte-destination.ts';
import { PrintedOutput } from '../output/printed-output.ts';
import { humanCount } from '../record/human.ts';
import type { RecordPrinter } from '../record/printer.ts';
import type { TextOutput } from '../terminal/text-output.ts';
import { visible } from '../terminal/visible-text.ts';
import type { AnnotatorsOf } from '../threads/annotators.ts';
import type { LiveScreen } from './live-screen.ts';

export interface Presenter {
  begin(): void;
  /** A window was added to the tally. */
  window(point: ObservationPoint, window: OutputWindow): void | Promise<void>;
  /** The last window of this time was added, of all interfaces. */
  refresh(): void | Promise<void>;
  /** Gives back what `begin` took, also where the run failed. */
  close(): void;
  /** The last word, once everything was counted. */
  end(): void | Promise<void>;
}

/** What presenters of the tally share. */
export interface Shown {
  readonly tally: FlowTally;
  readonly stdout: TextOutput;
  readonly context: () => LiveContext;
}

const TABLE_ROWS = 20;
const TABLE_WIDTH = 100;

/** Drawn in place while it runs; the last table stays on the terminal. */
export function livePresenter(shown: Shown, screen: LiveScreen): Presenter {
  return {
    begin: () => screen.start(),
    window: () => undefined,
    refresh: () => screen.refresh(),
    close: () => screen.end(),
    end: () => writeTable(shown, screen.choices),
  };
}

/**
 * One table after the other, where there is no terminal to draw on; with a title, one alone at the end. The first one comes when
 * the run is as long as a window, and what the end of the run closes is in the last one: a run shorter than its window has one.
 */
export function tablePresenter(shown: Shown, title: string | undefined): Presenter {
  const { tally, context } = shown;
  const isDue = () => title === undefined && !tally.isStopped && context().elapsedSeconds >= tally.windowSeconds;
  return {
    begin: () => undefined,
    window: () => undefined,
    refresh: () => (isDue() ? writeTable(shown, DEFAULT_CHOICES) : undefined),
    close: () => undefined,
    end: () => writeTable(shown, DEFAULT_CHOICES, title),
  };
}

export function jsonPresenter({ tally, stdout, context }: Shown): Presenter {
  const destination = textDestination(stdout);
  const write = (kind: 'refresh' | 'end') => {
    const view = viewOf(tally, DEFAULT_CHOICES, SCREEN_FLOWS_MAX);
    return destination.write(
      Buffer.from(`${JSON.stringify(screenObject(kind, tally, view, DEFAULT_CHOICES, context()))}\n`),
    );
  };
  return {
    begin: () => undefined,
    window: () => undefined,
    refresh: () => write('refresh'),
    close: () => undefined,
    end: () => write('end'),
  };
}

/** Every record of every window, as replay prints them. */
export function recordPresenter(
  printer: RecordPrinter,
  firstHeader: string,
  annotatorsOf: AnnotatorsOf,
  stdout: TextOutput,
): Presenter {
  const destination = textDestination(stdout);
  let header = firstHeader;
  return {
    begin: () => undefined,
    window(point, window) {
      const { flowLog, interfaceId } = point;
      const context = { windowSeconds: flowLog.windowSeconds, interfaceId };
      const printed = new PrintedOutput(printer, context, destination, header);
      header = '';
      return new AnnotatedOutput(printed, point, annotatorsOf(point)).write(window);
    },
    refresh: () => undefined,
    close: () => undefined,
    end: () => undefined,
  };
}

async function writeTable({ tally, stdout, context }: Shown, choices: ViewChoices, title?: string): Promise<void> {
  const view = viewOf(tally, choices, Math.max(TABLE_ROWS, (stdout.rows || 0) - TABLE_ROWS));
  const width = stdout.columns || TABLE_WIDTH;
  const loss = lossText(tally);
  const lines = [
    ...(title === undefined ? [] : [title]),
    ...(view.flows === 0 ? [] : tableLines(view, choices.sort, context(), width)),
    totalLine(tally, view),
    ...notShown(view),
    ...(choices.filter === '' ? [] : [`filter: ${choices.filter}`]),
    ...(loss === '' ? [] : [loss]),
    '',
  ];
  await textDestination(stdout).write(Buffer.from(`${lines.map(visible).join('\n')}\n`));
}

function notShown({ rows, groups, count, grouping }: View): readonly string[] {
  const more = count - rows.length - groups.length;
  return more === 0 ? [] : [`${humanCount(more)} more ${grouping} not shown`];
}
