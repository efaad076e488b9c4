/** `flowlogd explain`: one packet of a capture file, from its first byte to its record. */

import { DEFAULT_SAVEFILE_ENGINE, savefileEngine } from '../capture/engines.ts';
import { linkTypeName } from '../capture/link-type-name.ts';
import type { Invocation } from '../cli/command.ts';
import { EXIT, type ExitCode, OperationalError } from '../model/operational-error.ts';
import { WINDOW_SECONDS_MAX } from '../model/window-bounds.ts';
import { Exclusion, type ExclusionPolicy } from '../packet/exclusion.ts';
import { type Explanation, explain, type Found, type Wanted } from './explanation.ts';
import { explanationObject } from './explanation-json.ts';
import { type ExplanationContext, formatExplanation } from './explanation-text.ts';
import { FLOW_FORMS, parseFlow } from './flow-pattern.ts';

const WIDTH = 100;

export async function runExplain(invocation: Invocation, policy: ExclusionPolicy): Promise<ExitCode> {
  const file = invocation.positionals[0]!;
  const windowSeconds = invocation.seconds('window', { min: 1, max: WINDOW_SECONDS_MAX });
  const wanted = wantedPacket(invocation);
  if (file === '-') throw usage('standard input is not supported: the file is read twice');
  const engine = await savefileEngine(DEFAULT_SAVEFILE_ENGINE).create();
  const exclusion = new Exclusion(policy);
  const open = async () => engine.open({ path: file, filter: '' });
  const found = await explain({ wanted, windowSeconds, exclusion, open });
  const explanation = explained(found, file, wanted);
  const name = linkTypeName(explanation.linkType);
  const context = { file, linkTypeName: name, windowSeconds, ruleNames: exclusion.ruleNames };
  return print(invocation, explanation, context, found);
}

function print(invocation: Invocation, explanation: Explanation, context: ExplanationContext, found: Found): ExitCode {
  const { stdout, stderr } = invocation;
  if (invocation.flag('json')) stdout.write(`${JSON.stringify(explanationObject(explanation, context))}\n`);
  else stdout.write(formatExplanation(explanation, context, stdout.columns || WIDTH));
  const damage = found.kind === 'explained' ? found.damage : undefined;
  if (!(damage instanceof OperationalError)) return EXIT.ok;
  stderr.writeMessage(damage.message);
  return damage.exitCode;
}

function wantedPacket(invocation: Invocation): Wanted {
  if (invocation.has('packet') === invocation.has('flow'))
    throw usage('expected exactly one of --packet N and --flow FLOW');
  if (invocation.has('packet')) return { number: invocation.integer('packet', { min: 1 }) };
  const text = invocation.required('flow');
  const flow = parseFlow(text);
  if (flow === undefined) throw usage(`invalid --flow '${text}': expected ${FLOW_FORMS}`);
  return { flow };
}

function explained(found: Found, file: string, wanted: Wanted): Explanation {
  switch (found.kind) {
    case 'explained':
      return found.explanation;
    case 'unknown-link-type':
      throw new OperationalError(
        'savefile.link-type',
        `Reading ${file} failed: unsupported link type ${linkTypeName(found.linkType)}.`,
      );
    case 'absent': {
      if (found.damage !== undefined) throw found.damage;
      const what = 'number' in wanted ? `no packet ${wanted.number}` : 'no packet of that flow';
      throw usage(`${what} in ${file}, which has ${found.packets} packet${found.packets === 1 ? '' : 's'}`);
    }
  }
}

function usage(problem: string): OperationalError {
  return new OperationalError('usage.invalid', `explain: ${problem} (see flowlogd explain --help)`);
}
