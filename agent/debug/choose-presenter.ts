import { Resolver } from 'node:dns/promises';
import type { Invocation, Output } from '../commands/command.ts';
import { NdjsonPrinter } from '../record/ndjson.ts';
import { TextPrinter } from '../record/text.ts';
import type { FlowTally } from './flow-tally.ts';
import { LiveScreen } from './live-screen.ts';
import type { LiveContext } from './live-table.ts';
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
      return tablePresenter(shown, plan.program.length > 0);
    case 'json':
      return jsonPresenter(shown);
    case 'ndjson':
      return recordPresenter(new NdjsonPrinter(), shown.stdout);
    case 'text':
      return recordPresenter(new TextPrinter(), shown.stdout);
  }
}

/** Standard output is the program's own while one is traced. */
function outputOf({ stdout, stderr }: Invocation, { program }: DebugPlan): Output {
  return program.length === 0 ? stdout : stderr;
}

function createNames(onName: () => void): Names {
  const resolver = new Resolver({ timeout: NAME_TIMEOUT_MS, tries: 1 });
  return new Names((address) => resolver.reverse(address), onName);
}
