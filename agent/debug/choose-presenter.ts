import { Resolver } from 'node:dns/promises';
import type { Invocation } from '../cli/command.ts';
import type { FlowTally } from '../live-table/flow-tally.ts';
import type { LiveContext } from '../live-table/live-table.ts';
import { createPrinter } from '../output/printed-output.ts';
import type { TextOutput } from '../terminal/text-output.ts';
import { createAnnotators } from '../threads/annotators.ts';
import { ANNOTATOR_SOURCES } from './known-records.ts';
import { LiveScreen } from './live-screen.ts';
import { programTitle } from './messages.ts';
import { Names } from './names.ts';
import type { DebugPlan } from './plan.ts';
import { jsonPresenter, livePresenter, type Presenter, recordPresenter, tablePresenter } from './presenter.ts';

const NAME_TIMEOUT_MS = 2000;

/** The presenter for the format of the run. */
export function createPresenter(
  invocation: Invocation,
  plan: DebugPlan,
  tally: FlowTally,
  context: () => LiveContext,
  onQuit: () => void,
): Presenter {
  const shown = { tally, context, stdout: outputOf(invocation, plan) };
  switch (plan.format) {
    case 'live': {
      const { stdin, stdout } = invocation;
      return livePresenter(
        shown,
        new LiveScreen({ tally, stdin, stdout, color: plan.color, createNames, context, onQuit }),
      );
    }
    case 'table':
      return tablePresenter(shown, programTitle(plan));
    case 'json':
      return jsonPresenter(shown);
    case 'ndjson':
    case 'text': {
      const printer = createPrinter(plan.format, plan.row);
      const header = plan.hasHeader ? printer.header : '';
      return recordPresenter(printer, header, createAnnotators(ANNOTATOR_SOURCES), shown.stdout);
    }
  }
}

/** Standard output is the program's own while one is traced. */
function outputOf({ stdout, stderr }: Invocation, { program }: DebugPlan): TextOutput {
  return program.length === 0 ? stdout : stderr;
}

function createNames(onName: () => void): Names {
  const resolver = new Resolver({ timeout: NAME_TIMEOUT_MS, tries: 1 });
  return new Names((address) => resolver.reverse(address), onName);
}
